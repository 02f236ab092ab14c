// Random projection of feature vectors: each sum is the dot product with a vector of normal numbers that depends on the
// features' names alone (Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/worker_pool.hpp"
#include "neighbors/feature_vector.hpp"
#include "neighbors/gaussians.hpp"

namespace duma::neighbors {

// The numbers of the features that were used last, by seed. Safe to use from several threads.
class GaussianCache {
public:
    explicit GaussianCache(size_t room) : room_(room) {}

    using Numbers = std::shared_ptr<const std::vector<float>>;

    // The first `n` numbers for a seed; `n` is the same in all calls.
    Numbers get(uint32_t seed, size_t n) {
        {
            std::lock_guard lock(mutex_);
            if (const auto found = places_.find(seed); found != places_.end()) {
                recent_.splice(recent_.begin(), recent_, found->second);
                return found->second->second;
            }
        }
        auto made = std::make_shared<std::vector<float>>(n);
        gaussians(seed, made->data(), n);
        std::lock_guard lock(mutex_);
        if (places_.contains(seed)) return made;
        recent_.emplace_front(seed, made);
        places_[seed] = recent_.begin();
        if (recent_.size() > room_) {
            places_.erase(recent_.back().first);
            recent_.pop_back();
        }
        return made;
    }

private:
    using Recent = std::list<std::pair<uint32_t, Numbers>>;

    const size_t room_;
    std::mutex mutex_;
    Recent recent_;
    std::unordered_map<uint32_t, Recent::iterator> places_;
};

// Projects onto `size` dimensions. Safe to use from several threads.
class Projection {
public:
    // `threads` decides how the features are divided, and with it how sums are rounded; `cache_size` is in features.
    Projection(size_t size, int64_t threads, size_t cache_size)
        : size_(size), threads_(threads > 1 ? static_cast<size_t>(threads) : 1), pool_(threads_), cache_(cache_size), caches_(cache_size > 0) {}

    size_t size() const { return size_; }

    std::vector<float> operator()(const FeatureVector& features) {
        std::vector<float> sums(size_, 0.0f);
        if (features.empty()) return sums;
        if (threads_ == 1) {
            add(features, 0, features.size(), sums);
            return sums;
        }
        const auto per_block = static_cast<size_t>(std::ceil(static_cast<float>(features.size()) / static_cast<float>(threads_)));
        std::vector<std::vector<float>> blocks((features.size() + per_block - 1) / per_block, std::vector<float>(size_, 0.0f));
        const auto project = [&](size_t block) {
            add(features, block * per_block, std::min((block + 1) * per_block, features.size()), blocks[block]);
        };
        if (features.size() * size_ < kWorthThreads)
            for (size_t block = 0; block < blocks.size(); ++block) project(block);
        else
            pool_.run(blocks.size(), project);
        for (const auto& block : blocks)
            for (size_t j = 0; j < size_; ++j) sums[j] += block[j];
        return sums;
    }

private:
    static constexpr size_t kWorthThreads = 16 * 1024;  // numbers: below it, waking threads costs more than the work

    void add(const FeatureVector& features, size_t begin, size_t end, std::vector<float>& sums) {
        std::vector<float> drawn(caches_ ? 0 : size_);
        for (size_t i = begin; i < end; ++i) {
            const auto seed = static_cast<uint32_t>(features[i].hash);
            const auto value = static_cast<float>(features[i].value);
            if (caches_) {
                add_scaled(cache_.get(seed, size_)->data(), value, sums);
            } else {
                gaussians(seed, drawn.data(), size_);
                add_scaled(drawn.data(), value, sums);
            }
        }
    }

    static void add_scaled(const float* numbers, float factor, std::vector<float>& sums) {
        for (size_t j = 0; j < sums.size(); ++j) sums[j] += factor * numbers[j];
    }

    const size_t size_, threads_;
    WorkerPool pool_;
    GaussianCache cache_;
    const bool caches_;
};

}  // namespace duma::neighbors
