// Draws indices with probabilities proportional to weights.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/random.hpp"

namespace duma::clustering {

class Sampler {
public:
    // One weight at least. The draws come from a generator of its own.
    Sampler(const std::vector<double>& weights, uint32_t seed) : random_(seed) {
        sums_.reserve(weights.size());
        double sum = 0;
        for (const double weight : weights) sums_.push_back(sum += weight);
    }

    size_t operator()() {
        const double draw = random_.uniform() * sums_.back();
        const auto found = std::lower_bound(sums_.begin(), sums_.end(), draw);
        return std::min(static_cast<size_t>(found - sums_.begin()), sums_.size() - 1);
    }

private:
    Random random_;
    std::vector<double> sums_;
};

}  // namespace duma::clustering
