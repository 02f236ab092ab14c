// Rows by key, each with a slot in the arrays of an index and with the id that model files know it by.
//
// Ids are given from 0 up, with a row's first use. A row that goes rests: should it come again, it has its old id, as in
// Jubatus. Only so many rest; when there are more, the one with the smallest id is forgotten and its slot is used again. So
// what an index holds is bounded by the rows that are there, however many came and went.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/cow_array.hpp"
#include "neighbors/row_keys.hpp"
#include "neighbors/saved_ids.hpp"

namespace duma::neighbors {

class RowIds {
public:
    static constexpr uint32_t kNone = RowKeys::kNone;
    static constexpr size_t kResting = 64 * 1024;

    // All slots are below this; some may be free.
    uint32_t slots() const { return static_cast<uint32_t>(by_slot_.size()); }
    uint32_t size() const { return keys_.size(); }  // rows that are there or rest

    uint32_t slot(uint32_t row) const { return slots_[row]; }
    uint64_t id(uint32_t slot) const { return by_slot_[slot].id; }
    const std::string& key(uint32_t slot) const { return keys_[by_slot_[slot].row]; }

    uint32_t find(std::string_view key) const {
        const uint32_t row = keys_.find(key);
        return row == kNone ? kNone : slots_[row];
    }

    // The slot of a key, which gets one, and an id, if it has none.
    uint32_t make(std::string_view key) {
        const uint32_t known = find(key);
        return known != kNone ? known : add(key, next_id_++);
    }

    void rest(uint32_t slot) { resting_.emplace(id(slot), slot); }
    void wake(uint32_t slot) { resting_.erase(id(slot)); }

    // The row to forget next, kNone if there is room for all that rest.
    uint32_t overdue() const { return resting_.size() > kResting ? resting_.begin()->second : kNone; }

    // Gives up a row's key, id and slot.
    void forget(uint32_t slot) {
        const uint32_t row = by_slot_[slot].row, last = keys_.size() - 1;
        resting_.erase(id(slot));
        keys_.remove(row);
        if (row != last) {
            slots_.mutable_at(row) = slots_[last];
            by_slot_.mutable_at(slots_[row]).row = row;
        }
        slots_.shrink(last);
        free_.push_back(slot);
    }

    void clear() {
        keys_.clear();
        slots_.clear();
        by_slot_.clear();
        resting_.clear();
        free_.clear();
        next_id_ = 0;
    }

    // The rows as they are now, for a snapshot.
    class Shared {
    public:
        uint64_t id(uint32_t slot) const { return by_slot_[slot].id; }
        const std::string& key(uint32_t slot) const { return keys_[by_slot_[slot].row]; }
        uint32_t slot(uint32_t row) const { return slots_[row]; }
        uint32_t size() const { return static_cast<uint32_t>(keys_.size()); }

    private:
        friend class RowIds;
        struct Slot { uint64_t id; uint32_t row; };
        RowKeys::List keys_;
        CowArray<uint32_t, 1024> slots_;
        CowArray<Slot, 1024> by_slot_;
    };

    std::shared_ptr<const Shared> share() {
        const auto shared = std::make_shared<Shared>();
        shared->keys_ = keys_.share();
        shared->slots_ = slots_.share();
        shared->by_slot_ = by_slot_.share();
        return shared;
    }

    void add_to(Snapshot& snapshot, const std::shared_ptr<const Shared>& shared) const {
        add_ids(snapshot, shared->size(), next_id_,
                [shared](uint32_t row) -> const std::string& { return shared->key(shared->slot(row)); },
                [shared](uint32_t row) { return shared->id(shared->slot(row)); });
    }

    // Fills this from a model file; returns the slots by id. All rows are awake. Where there are more rows than may rest,
    // is_used(id) tells which do not, and those for which there is no room are forgotten at once.
    template <class IsUsed>
    PlacesById load(const SavedIds& saved, IsUsed&& is_used) {
        const uint64_t first = first_kept(saved, is_used);
        PlacesById places(saved.names.size(), saved.next_id);
        for (const auto& [name, id] : saved.names) {
            if (id < first && !is_used(id)) {
                places.add(id, PlacesById::kForgotten);
                continue;
            }
            if (keys_.find(name) != kNone) throw msgpack::TypeMismatch("a row has two ids: " + std::string(name));
            places.add(id, add(name, id));
        }
        next_id_ = saved.next_id;
        return places;
    }

private:
    using Slot = Shared::Slot;

    // Rows that are not used and have a smaller id than this are too many.
    template <class IsUsed>
    static uint64_t first_kept(const SavedIds& saved, IsUsed& is_used) {
        if (saved.names.size() <= kResting) return 0;
        std::vector<uint64_t> unused;
        for (const auto& [name, id] : saved.names)
            if (!is_used(id)) unused.push_back(id);
        if (unused.size() <= kResting) return 0;
        const auto kept = unused.end() - static_cast<ptrdiff_t>(kResting);
        std::nth_element(unused.begin(), kept, unused.end());
        return *kept;
    }

    uint32_t add(std::string_view key, uint64_t id) {
        const uint32_t row = keys_.add(key);
        uint32_t slot = slots();
        if (free_.empty()) {
            by_slot_.grow(slot + size_t{1});
        } else {
            slot = free_.back();
            free_.pop_back();
        }
        by_slot_.mutable_at(slot) = {id, row};
        slots_.grow(row + size_t{1});
        slots_.mutable_at(row) = slot;
        return slot;
    }

    RowKeys keys_;
    CowArray<uint32_t, 1024> slots_;    // by row
    CowArray<Slot, 1024> by_slot_;
    std::map<uint64_t, uint32_t> resting_;  // slots by id
    std::vector<uint32_t> free_;
    uint64_t next_id_ = 0;
};

}  // namespace duma::neighbors
