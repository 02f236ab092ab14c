// What a search compares: a datum's features after conversion, in the converter's order, with the hashes of their names.
#pragma once

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "convert/conversion.hpp"
#include "convert/converter.hpp"
#include "names/names.hpp"

namespace duma::neighbors {

struct HashedFeature {
    uint32_t id;    // among the model's names, or with convert::Conversion::kLocal one that the model does not know
    uint64_t hash;  // convert::feature_hash of the name
    double value;
};

using FeatureVector = std::vector<HashedFeature>;

// The features of the last conversion.
inline void read_features(const convert::Conversion& conversion, const std::vector<convert::Feature>& features, const Names& names, FeatureVector& out) {
    out.clear();
    for (const auto& [id, value] : features) out.push_back({id, convert::feature_hash(conversion.name(id, names)), value});
}

// The same, sorted by name (and value) with those of one name added up: as a classifier learns.
inline void read_merged_features(const convert::Conversion& conversion, const std::vector<convert::Feature>& features, const Names& names, FeatureVector& out) {
    struct Named {
        std::string_view name;
        convert::Feature feature;
    };
    std::vector<Named> sorted;
    sorted.reserve(features.size());
    for (const convert::Feature& feature : features) sorted.push_back({conversion.name(feature.id, names), feature});
    std::sort(sorted.begin(), sorted.end(), [](const Named& a, const Named& b) {
        const int names_order = a.name.compare(b.name);
        return names_order != 0 ? names_order < 0 : std::strong_order(a.feature.value, b.feature.value) < 0;
    });
    out.clear();
    for (size_t i = 0; i < sorted.size(); ++i) {
        if (i > 0 && sorted[i].name == sorted[i - 1].name) out.back().value += sorted[i].feature.value;
        else out.push_back({sorted[i].feature.id, convert::feature_hash(sorted[i].name), sorted[i].feature.value});
    }
}

// One caller's room for searches.
struct SearchRoom {
    explicit SearchRoom(const convert::Converter& converter) : conversion(converter) {}
    convert::Conversion conversion;
    FeatureVector features;
};

// Sum of squares, in order.
inline double squared_norm(const FeatureVector& features) {
    double sum = 0;
    for (const HashedFeature& feature : features) sum += feature.value * feature.value;
    return sum;
}

inline double norm(const FeatureVector& features) { return std::sqrt(squared_norm(features)); }

}  // namespace duma::neighbors
