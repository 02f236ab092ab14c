// What a search compares: a datum's features after conversion, in the converter's order, with the hashes of their names.
#pragma once

#include <cmath>
#include <cstdint>
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

// Sum of squares, in order.
inline double squared_norm(const FeatureVector& features) {
    double sum = 0;
    for (const HashedFeature& feature : features) sum += feature.value * feature.value;
    return sum;
}

inline double norm(const FeatureVector& features) { return std::sqrt(squared_norm(features)); }

}  // namespace duma::neighbors
