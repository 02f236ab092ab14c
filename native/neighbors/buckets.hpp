// Which rows stand in which buckets, and how that is saved: {bucket: [id...]}, the ids ascending.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "neighbors/saved_ids.hpp"

namespace duma::neighbors {

class Buckets {
public:
    // The slots in a bucket, ascending; null if there are none.
    const std::vector<uint32_t>* find(uint64_t bucket) const {
        const auto found = slots_.find(bucket);
        return found == slots_.end() ? nullptr : &found->second;
    }

    void enter(uint64_t bucket, uint32_t slot) {
        std::vector<uint32_t>& slots = slots_[bucket];
        const auto place = std::lower_bound(slots.begin(), slots.end(), slot);
        if (place == slots.end() || *place != slot) slots.insert(place, slot);
    }

    void leave(uint64_t bucket, uint32_t slot) {
        const auto found = slots_.find(bucket);
        if (found == slots_.end()) return;
        std::vector<uint32_t>& slots = found->second;
        const auto place = std::lower_bound(slots.begin(), slots.end(), slot);
        if (place != slots.end() && *place == slot) slots.erase(place);
        if (slots.empty()) slots_.erase(found);
    }

    // Calls visit(bucket, slot) for each.
    template <class Visit>
    void each(Visit&& visit) const {
        for (const auto& [bucket, slots] : slots_)
            for (const uint32_t slot : slots) visit(bucket, slot);
    }

    void clear() { slots_.clear(); }

    // Fills this from a model file, but for rows that are forgotten.
    void load(msgpack::Reader& in, const PlacesById& places) {
        for (uint32_t n = in.map(); n--;) {
            std::vector<uint32_t>& slots = slots_[in.unsigned_integer()];
            for (uint32_t k = in.array(); k--;) {
                const uint32_t slot = places[in.unsigned_integer()];
                if (slot != PlacesById::kForgotten) slots.push_back(slot);
            }
            std::sort(slots.begin(), slots.end());
            slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
        }
        std::erase_if(slots_, [](const auto& bucket) { return bucket.second.empty(); });
    }

private:
    std::unordered_map<uint64_t, std::vector<uint32_t>> slots_;
};

// Buckets with their ids, put together when they are written.
class SavedBuckets final : public SnapshotRows<SavedBuckets> {
public:
    using Places = std::vector<std::pair<uint64_t, uint64_t>>;  // bucket and id

    explicit SavedBuckets(std::function<Places()> gather) : gather_(std::move(gather)) {}

    // The first one is the head.
    uint32_t rows() const override {
        prepare();
        return static_cast<uint32_t>(starts_.size());
    }

    template <class Out>
    void write_row(Out& out, uint32_t row) const {
        prepare();
        if (row == 0) return out.map(starts_.size() - 1);
        const size_t begin = starts_[row - 1], end = starts_[row];
        out.unsigned_integer(places_[begin].first);
        out.array(end - begin);
        for (size_t i = begin; i < end; ++i) out.unsigned_integer(places_[i].second);
    }

private:
    void prepare() const {
        if (!starts_.empty()) return;
        places_ = gather_();
        std::sort(places_.begin(), places_.end());
        places_.erase(std::unique(places_.begin(), places_.end()), places_.end());
        for (size_t i = 0; i < places_.size(); ++i)
            if (i == 0 || places_[i].first != places_[i - 1].first) starts_.push_back(i);
        starts_.push_back(places_.size());
    }

    std::function<Places()> gather_;
    mutable Places places_;
    mutable std::vector<size_t> starts_;  // of each bucket in places_, and the end
};

}  // namespace duma::neighbors
