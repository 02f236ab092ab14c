// The rules by which a datum becomes features. Built once from the configuration, then only read.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "convert/matcher.hpp"
#include "convert/numbers.hpp"
#include "convert/strings.hpp"
#include "convert/weights.hpp"

namespace duma::convert {

enum class SampleWeight { bin, tf, log_tf };

struct StringFilterRule {
    Condition applies;
    std::string suffix;
    std::function<std::string(std::string_view)> filter;
};

struct NumFilterRule {
    Condition applies;
    std::string suffix;
    NumFilter filter;
};

struct StringRule {
    Condition applies;
    StringExtractor extractor;
    SampleWeight sample_weight;
    GlobalWeight global_weight;
    std::string tail;  // "@space#tf/bin": what follows the value in a feature's key
};

struct NumRule {
    Condition applies;
    NumExtractor extractor;
    std::string tail;  // "@num"
};

struct BinaryRule {
    Condition applies;
    BinaryExtractor extractor;
    std::string tail;
};

struct CombinationRule {
    Condition left, right;
    Combiner combiner;
    std::string tail;  // "/mul"
};

struct Converter {
    std::vector<StringFilterRule> string_filters;
    std::vector<NumFilterRule> num_filters;
    std::vector<StringRule> string_rules;
    std::vector<NumRule> num_rules;
    std::vector<BinaryRule> binary_rules;
    std::vector<CombinationRule> combination_rules;
    uint64_t hash_max_size = 0;  // 0: names are kept
    bool calls_back = false;     // whether converting may run code outside of the core

    // Whether a training conversion gathers statistics.
    bool counts_documents() const {
        return uses(GlobalWeight::idf) || uses(GlobalWeight::idf1) || uses(GlobalWeight::bm25);
    }
    bool counts_lengths() const { return uses(GlobalWeight::bm25); }

    // Whether any feature can have another global weight than 1. Plugins name their features as they like, and a
    // type's name may hold a '/', so both count.
    bool weighs() const {
        for (const auto& rule : string_rules)
            if (rule.global_weight != GlobalWeight::bin) return true;
        for (const auto& rule : num_rules)
            if (rule.extractor.kind == NumExtractor::Kind::callback || rule.tail.find('/') != std::string::npos) return true;
        return !binary_rules.empty();
    }

private:
    bool uses(GlobalWeight kind) const {
        for (const auto& rule : string_rules)
            if (rule.global_weight == kind) return true;
        return false;
    }
};

// FNV-1, 64 bits, over bytes taken as signed (as `char` is on x86): the key of a hashed feature.
inline uint64_t feature_hash(std::string_view key) {
    uint64_t h = 14695981039346656037ull;
    for (const char c : key) {
        h *= 1099511628211ull;
        h ^= static_cast<uint64_t>(static_cast<int64_t>(static_cast<signed char>(c)));
    }
    return h;
}

}  // namespace duma::convert
