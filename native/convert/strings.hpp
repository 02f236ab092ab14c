// From a text to its elements: whole, words, n-grams, parts between separators.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duma::convert {

struct CodePoint {
    uint32_t value;
    size_t bytes;
};

// Strict as the original was: over-long forms, stray bytes and 5-byte forms are refused, surrogates and values up to
// 1FFFFF pass. Throws std::invalid_argument.
inline CodePoint decode_utf8(std::string_view s) {
    const auto at = [&](size_t i) { return static_cast<uint8_t>(s[i]); };
    const uint8_t lead = at(0);
    if (lead < 0x80) return {lead, 1};
    if (lead < 0xc2 || lead > 0xf7) throw std::invalid_argument("Invalid UTF-8");
    const size_t n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t value = lead & (0x7f >> n);
    for (size_t i = 1; i < n; ++i) {
        if (i >= s.size()) throw std::invalid_argument("Too short string");
        if ((at(i) & 0xc0) != 0x80) throw std::invalid_argument("Invalid UTF-8");
        value = value << 6 | (at(i) & 0x3f);
    }
    if ((n == 3 && value < 0x800) || (n == 4 && value < 0x10000)) throw std::invalid_argument("Invalid UTF-8");
    return {value, n};
}

inline std::string_view until_nul(std::string_view s) { return s.substr(0, s.find('\0')); }

struct StringExtractor {
    enum class Kind { whole, space, ngram, separators, callback };
    using Elements = std::vector<std::pair<std::string, double>>;

    Kind kind = Kind::whole;
    size_t length = 1;                    // of an n-gram, in characters
    std::vector<uint32_t> separators;     // sorted code points
    std::function<Elements(std::string_view)> callback;

    static StringExtractor separated_by(std::string_view characters) {
        StringExtractor extractor{.kind = Kind::separators, .separators = {}, .callback = {}};
        characters = until_nul(characters);
        while (!characters.empty()) {
            const CodePoint c = decode_utf8(characters);
            extractor.separators.push_back(c.value);
            characters.remove_prefix(c.bytes);
        }
        std::sort(extractor.separators.begin(), extractor.separators.end());
        return extractor;
    }

    // Calls take(value, score) for each element in the order of the text.
    template <class Take>
    void each(std::string_view text, Take&& take) const {
        switch (kind) {
            case Kind::whole: take(text, 1.0); return;
            case Kind::space: return each_word(text, take);
            case Kind::ngram: return each_ngram(text, take);
            case Kind::separators: return each_part(text, take);
            case Kind::callback:
                for (const auto& [value, score] : callback(text)) take(std::string_view(value), score);
        }
    }

private:
    static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

    template <class Take>
    static void each_word(std::string_view text, Take& take) {
        const char* p = text.data();
        const char* const end = p + text.size();
        while (p != end) {
            if (is_space(*p)) { ++p; continue; }
            const char* from = p;
            while (p != end && !is_space(*p)) ++p;
            take(std::string_view(from, static_cast<size_t>(p - from)), 1.0);
        }
    }

    // A character starts at every byte that is no continuation byte; the text need not be UTF-8.
    template <class Take>
    void each_ngram(std::string_view text, Take& take) const {
        const auto next = [&](size_t i) {
            do ++i;
            while (i < text.size() && (static_cast<uint8_t>(text[i]) & 0xc0) == 0x80);
            return i;
        };
        size_t begin = 0, end = 0;
        for (size_t i = 0; i < length; ++i) {
            if (end >= text.size()) return;
            end = next(end);
        }
        for (;;) {
            take(text.substr(begin, end - begin), 1.0);
            if (end >= text.size()) return;
            begin = next(begin);
            end = next(end);
        }
    }

    // The original counted characters above 10FFFF as no bytes when it computed where a part lies; so does this.
    template <class Take>
    void each_part(std::string_view text, Take& take) const {
        text = until_nul(text);
        std::vector<std::pair<size_t, size_t>> parts;
        size_t counted = 0, begin = 0;
        bool inside = false;
        for (std::string_view rest = text; !rest.empty();) {
            const CodePoint c = decode_utf8(rest);
            rest.remove_prefix(c.bytes);
            const bool separator = std::binary_search(separators.begin(), separators.end(), c.value);
            if (separator && inside) parts.emplace_back(begin, counted - begin);
            if (!separator && !inside) begin = counted;
            inside = !separator;
            counted += c.value > 0x10ffff ? 0 : c.bytes;
        }
        if (inside) parts.emplace_back(begin, counted - begin);
        for (const auto& [from, n] : parts) take(text.substr(from, n), 1.0);
    }
};

}  // namespace duma::convert
