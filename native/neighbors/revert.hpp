// From features back to a datum, as far as their names tell what they were made of: numbers as they are, and whole texts.
#pragma once

#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "msgpack/writer.hpp"

namespace duma::neighbors {

struct NamedFeature {
    std::string_view name;
    double value;
};

namespace detail {

// The number at the beginning of a text, as streams of the "C" locale read it.
inline std::optional<double> leading_number(std::string_view text) {
    std::istringstream in{std::string(text)};
    in.imbue(std::locale::classic());
    double number;
    return in >> number ? std::optional(number) : std::nullopt;
}

}  // namespace detail

// A datum's strings and numbers in the order of the features they come from. Features of other kinds (words, n-grams,
// combinations, hashes, binary values) leave no trace.
class RevertedDatum {
public:
    void add(const NamedFeature& feature) {
        if (!add_number(feature)) add_string(feature.name);
    }

    // [[[key, text]...], [[key, number]...], []]
    template <class Out>
    void write(Out& out) const {
        out.array(3);
        out.array(strings_.size());
        for (const auto& [key, text] : strings_) {
            out.array(2);
            out.raw(key);
            out.raw(text);
        }
        out.array(numbers_.size());
        for (const auto& [key, number] : numbers_) {
            out.array(2);
            out.raw(key);
            out.real(number);
        }
        out.array(0);
    }

private:
    // "age@num", or "age@str$25"
    bool add_number(const NamedFeature& feature) {
        constexpr std::string_view kText = "str$";
        const size_t at = feature.name.rfind('@');
        if (at == std::string_view::npos) return false;
        const std::string_view key = feature.name.substr(0, at), kind = feature.name.substr(at + 1);
        if (kind == "num") {
            numbers_.emplace_back(key, feature.value);
            return true;
        }
        if (!kind.starts_with(kText)) return false;
        const auto number = detail::leading_number(kind.substr(kText.size()));
        if (number) numbers_.emplace_back(key, *number);
        return number.has_value();
    }

    // "name$bob@str#bin/bin"
    void add_string(std::string_view name) {
        const size_t hash = name.rfind('#');
        if (hash == std::string_view::npos) return;
        const size_t at = name.rfind('@', hash), dollar = name.find('$');
        if (at == std::string_view::npos || dollar == std::string_view::npos || dollar >= at) return;
        if (name.substr(at + 1, hash - at - 1) == "str") strings_.emplace_back(name.substr(0, dollar), name.substr(dollar + 1, at - dollar - 1));
    }

    std::vector<std::pair<std::string_view, std::string_view>> strings_;
    std::vector<std::pair<std::string_view, double>> numbers_;
};

}  // namespace duma::neighbors
