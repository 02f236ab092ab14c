// The local outlier factor: how much sparser a point lies than its neighbours (Breunig, Kriegel, Ng and Sander,
// "LOF: identifying density-based local outliers", SIGMOD 2000).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace duma::neighbors {

// How many neighbours count.
struct LofSettings {
    size_t k;           // neighbours that a density is estimated from; a stored point is the first of its own
    size_t reverse_k;   // neighbours whose densities are estimated anew when a point comes
    bool ignore_same;   // whether a point is not stored that would be the k-th at its place
};

// What is kept of a point.
struct Density {
    double k_distance;    // to its k-th neighbour (section 3, definition 3), at least 0
    double reachability;  // the local reachability density (definition 6), above 0, or infinite
};

// A point's neighbour, as far as a density depends on it.
struct Near {
    double distance;
    Density density;
};

// The sum of the reachability distances (definition 5), in order.
inline double total_reach(const std::vector<Near>& neighbors) {
    double sum = 0;
    for (const Near& near : neighbors) sum += std::max(near.distance, near.density.k_distance);
    return sum;
}

// The local reachability density; infinite if all neighbours are at the point's place.
inline double reachability_density(const std::vector<Near>& neighbors) {
    const double reach = total_reach(neighbors);
    return reach == 0 ? std::numeric_limits<double>::infinity() : static_cast<double>(neighbors.size()) / reach;
}

// The local outlier factor (definition 7): about 1 among equals, larger for outliers, infinite without neighbours.
inline double outlier_factor(const std::vector<Near>& neighbors) {
    if (neighbors.empty()) return std::numeric_limits<double>::infinity();
    const double density = reachability_density(neighbors);
    double densities = 0;
    for (const Near& near : neighbors) densities += near.density.reachability;
    if (std::isinf(densities) && std::isinf(density)) return 1;
    return densities / (static_cast<double>(neighbors.size()) * density);
}

// The number that an id begins with, as a C++ stream reads it: behind white space and a plus sign. Numbers from 2^63 on
// count as none: those that follow must not run out.
inline std::optional<uint64_t> leading_number(std::string_view id) {
    size_t at = 0;
    while (at < id.size() && (id[at] == ' ' || (id[at] >= '\t' && id[at] <= '\r'))) ++at;
    if (at < id.size() && id[at] == '+') ++at;
    std::optional<uint64_t> number;
    for (; at < id.size() && id[at] >= '0' && id[at] <= '9'; ++at) {
        const uint64_t digit = static_cast<uint64_t>(id[at] - '0'), before = number.value_or(0);
        if (before > (uint64_t{1} << 63) / 10 - 1) return std::nullopt;
        number = before * 10 + digit;
    }
    return number;
}

}  // namespace duma::neighbors
