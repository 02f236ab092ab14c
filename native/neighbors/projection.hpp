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
    // `n` numbers for each of at most `room` features.
    GaussianCache(size_t n, size_t room) : n_(n), room_(room) {}

    using Numbers = std::shared_ptr<const std::vector<float>>;

    // The numbers of each feature from `begin` to before `end`.
    std::vector<Numbers> get(const HashedFeature* begin, const HashedFeature* end) {
        std::vector<Numbers> found;
        found.reserve(static_cast<size_t>(end - begin));
        bool all = true;
        {
            std::lock_guard lock(mutex_);
            for (const HashedFeature* feature = begin; feature != end; ++feature) {
                found.push_back(use(seed_of(*feature)));
                all = all && found.back();
            }
        }
        if (all) return found;
        for (size_t i = 0; i < found.size(); ++i)
            if (!found[i]) found[i] = make(seed_of(begin[i]));
        return found;
    }

    static uint32_t seed_of(const HashedFeature& feature) { return static_cast<uint32_t>(feature.hash); }

private:
    using Recent = std::list<std::pair<uint32_t, Numbers>>;

    Numbers use(uint32_t seed) {
        const auto found = places_.find(seed);
        if (found == places_.end()) return nullptr;
        recent_.splice(recent_.begin(), recent_, found->second);
        return found->second->second;
    }

    Numbers make(uint32_t seed) {
        const auto made = std::make_shared<std::vector<float>>(n_);
        gaussians(seed, made->data(), n_);
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

    const size_t n_, room_;
    std::mutex mutex_;
    Recent recent_;
    std::unordered_map<uint32_t, Recent::iterator> places_;
};

// Projects onto `size` dimensions. Safe to use from several threads.
class Projection {
public:
    // `threads` decides how the features are divided, and with it how sums are rounded. The numbers of `cache_size` features
    // are kept, and in any case of as many as fit in little memory.
    Projection(size_t size, int64_t threads, size_t cache_size)
        : size_(size), threads_(threads > 1 ? static_cast<size_t>(threads) : 1), pool_(threads_),
          room_(std::max(cache_size, kCacheBytes / sizeof(float) / std::max<size_t>(size, 1))), cache_(size, room_) {}

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
    static constexpr size_t kCacheBytes = 8 << 20;
    static constexpr size_t kAtOnce = 64;  // features whose numbers are held while they are added

    void add(const FeatureVector& features, size_t begin, size_t end, std::vector<float>& sums) {
        if (room_ == 0) return add_drawn(features, begin, end, sums);
        for (; begin < end; begin += kAtOnce) {
            const HashedFeature* first = features.data() + begin;
            const size_t n = std::min(kAtOnce, end - begin);
            const auto numbers = cache_.get(first, first + n);
            for (size_t i = 0; i < n; ++i) add_scaled(numbers[i]->data(), static_cast<float>(first[i].value), sums);
        }
    }

    void add_drawn(const FeatureVector& features, size_t begin, size_t end, std::vector<float>& sums) {
        std::vector<float> drawn(size_);
        for (size_t i = begin; i < end; ++i) {
            gaussians(GaussianCache::seed_of(features[i]), drawn.data(), size_);
            add_scaled(drawn.data(), static_cast<float>(features[i].value), sums);
        }
    }

    static void add_scaled(const float* numbers, float factor, std::vector<float>& sums) {
        for (size_t j = 0; j < sums.size(); ++j) sums[j] += factor * numbers[j];
    }

    const size_t size_, threads_;
    WorkerPool pool_;
    const size_t room_;  // features in the cache
    GaussianCache cache_;
};

}  // namespace duma::neighbors
