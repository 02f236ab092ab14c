// The statistics behind idf and bm25, and how they weigh a feature ("weight manager" in saved models).
//
// Two records: what was seen since the last MIX (`diff`) and the result of all MIXes before (`master`). A server that
// stands alone keeps everything in `diff`. Frequencies are per feature, by the feature's number among the model's names.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/cow_array.hpp"
#include "names/names.hpp"

namespace duma::convert {

enum class GlobalWeight : uint8_t { none, bin, idf, idf1, bm25, user };

inline GlobalWeight global_weight(std::string_view name) {
    if (name == "bin") return GlobalWeight::bin;
    if (name == "idf") return GlobalWeight::idf;
    if (name == "idf1") return GlobalWeight::idf1;
    if (name == "bm25") return GlobalWeight::bm25;
    if (name == "weight") return GlobalWeight::user;
    return GlobalWeight::none;
}

// A feature's global weight is read off its key: what stands behind the last '/'.
inline GlobalWeight global_weight_of_key(std::string_view key) {
    const size_t slash = key.rfind('/');
    return slash == key.npos ? GlobalWeight::none : global_weight(key.substr(slash + 1));
}

// "title$sea@space#tf/bm25" -> "title@space#tf/bm25"; empty for a key without '$' or '@'.
inline std::string group_of_key(std::string_view key) {
    const size_t dollar = key.find('$'), at = key.rfind('@');
    if (dollar == key.npos || at == key.npos) return {};
    return std::string(key.substr(0, dollar)).append(key.substr(at));
}

using TextCounts = std::map<std::string, double, std::less<>>;

inline double count_of(const TextCounts& counts, std::string_view key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0 : found->second;
}

class Frequencies {
public:
    double operator[](uint32_t id) const { return id < counts_.size() ? counts_[id] : 0; }
    uint64_t distinct() const { return distinct_; }
    size_t end() const { return counts_.size(); }

    void add(uint32_t id, double n) {
        if (id >= counts_.size()) counts_.grow(id + 1);
        double& count = counts_.mutable_at(id);
        const bool counted = count != 0;
        count += n;
        if (counted != (count != 0)) counted ? --distinct_ : ++distinct_;
    }
    void clear() {
        counts_.clear();
        distinct_ = 0;
    }
    Frequencies share() {
        Frequencies copy;
        copy.counts_ = counts_.share();
        copy.distinct_ = distinct_;
        return copy;
    }

private:
    CowArray<double> counts_;
    uint64_t distinct_ = 0;
};

struct KeywordWeights {
    uint64_t document_count = 0;
    Frequencies document_frequencies;
    TextCounts group_frequencies, group_total_lengths, user_weights;

    void clear() { *this = {}; }
};

class Weights {
public:
    KeywordWeights diff, master;
    uint64_t version = 0;

    // `version` stays: it counts MIXes, not contents.
    void clear() {
        diff.clear();
        master.clear();
    }

    // The factor of idf and idf1, or the first one of bm25. A feature without a number was never seen.
    double inverse_document_frequency(GlobalWeight kind, uint32_t id, bool known) const {
        const auto n = static_cast<double>(diff.document_count + master.document_count);
        const double d = known ? std::trunc(diff.document_frequencies[id]) + std::trunc(master.document_frequencies[id]) : 0;
        if (kind == GlobalWeight::bm25) return std::log((n - d + 0.5) / (d + 0.5));
        const double idf = std::log((n + 1) / (d + 1));
        return kind == GlobalWeight::idf1 ? idf + 1 : idf;
    }

    static double bm25_term_frequency(double s, double length, double average) {
        constexpr double k1 = 1.2, b = 0.75;
        return s * (k1 + 1) / (s + k1 * (1 - b + b * (length / average)));
    }

    double average_length(std::string_view group) const {
        const double documents = count_of(diff.group_frequencies, group) + count_of(master.group_frequencies, group);
        if (documents == 0) return 0;
        return (count_of(diff.group_total_lengths, group) + count_of(master.group_total_lengths, group)) / documents;
    }

    double user_weight(std::string_view key) const {
        const size_t hash = key.rfind('#');
        if (hash == key.npos) return 0;
        return count_of(diff.user_weights, key.substr(0, hash)) + count_of(master.user_weights, key.substr(0, hash));
    }
};

}  // namespace duma::convert
