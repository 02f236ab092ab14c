// Rows by name: row numbers are dense; when a row goes, the last one takes its number.
#pragma once

#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/cow_array.hpp"
#include "names/hash.hpp"

namespace duma::neighbors {

class RowKeys {
public:
    static constexpr uint32_t kNone = UINT32_MAX;
    using List = CowArray<std::string, 256>;

    RowKeys() : seed_(std::random_device{}()), slots_(kFirstSlots, kEmpty) {}

    uint32_t size() const { return static_cast<uint32_t>(keys_.size()); }
    const std::string& operator[](uint32_t row) const { return keys_[row]; }

    uint32_t find(std::string_view key) const {
        const uint32_t tag = tag_of(key);
        for (size_t i = tag & mask(); slots_[i] != kEmpty; i = (i + 1) & mask())
            if (tag_at(i) == tag && keys_[row_at(i)] == key) return row_at(i);
        return kNone;
    }

    // Adds a key that is not there yet; returns its row, the last.
    uint32_t add(std::string_view key) {
        const uint32_t row = size();
        if (row == kNone - 1) throw std::length_error("too many rows");
        if ((row + size_t{1}) * 4 > slots_.size() * 3) resize_slots(slots_.size() * 2);
        keys_.grow(row + size_t{1});
        keys_.mutable_at(row) = key;
        place(tag_of(key), row);
        return row;
    }

    // Takes a row away; the last one takes its number.
    void remove(uint32_t row) {
        vacate(slot_of(row));
        const uint32_t last = size() - 1;
        if (row != last) {
            const size_t slot = slot_of(last);
            slots_[slot] = pack(tag_at(slot), row);
            keys_.mutable_at(row) = keys_[last];
        }
        keys_.mutable_at(last) = std::string();
        keys_.shrink(last);
    }

    void clear() {
        keys_.clear();
        slots_.assign(kFirstSlots, kEmpty);
    }

    List share() { return keys_.share(); }

private:
    // A slot holds half of the key's hash, which alone decides the place, and the row: growing reads no key.
    static constexpr uint64_t kEmpty = UINT64_MAX;
    static constexpr size_t kFirstSlots = 16;
    static uint64_t pack(uint32_t tag, uint32_t row) { return static_cast<uint64_t>(tag) << 32 | row; }
    uint32_t tag_at(size_t slot) const { return static_cast<uint32_t>(slots_[slot] >> 32); }
    uint32_t row_at(size_t slot) const { return static_cast<uint32_t>(slots_[slot]); }
    uint32_t tag_of(std::string_view key) const { return static_cast<uint32_t>(hash_name(key, seed_)); }
    size_t mask() const { return slots_.size() - 1; }

    size_t slot_of(uint32_t row) const {
        size_t i = tag_of(keys_[row]) & mask();
        while (row_at(i) != row) i = (i + 1) & mask();
        return i;
    }

    void place(uint32_t tag, uint32_t row) {
        size_t i = tag & mask();
        while (slots_[i] != kEmpty) i = (i + 1) & mask();
        slots_[i] = pack(tag, row);
    }

    // Empties a slot and moves what stands behind it only because the slot was taken.
    void vacate(size_t hole) {
        for (size_t i = (hole + 1) & mask(); slots_[i] != kEmpty; i = (i + 1) & mask()) {
            const size_t home = tag_at(i) & mask();
            if (((i - home) & mask()) >= ((i - hole) & mask())) {
                slots_[hole] = slots_[i];
                hole = i;
            }
        }
        slots_[hole] = kEmpty;
    }

    void resize_slots(size_t n) {
        std::vector<uint64_t> old(n, kEmpty);
        old.swap(slots_);
        for (const uint64_t slot : old)
            if (slot != kEmpty) place(static_cast<uint32_t>(slot >> 32), static_cast<uint32_t>(slot));
    }

    uint64_t seed_;
    List keys_;
    std::vector<uint64_t> slots_;
};

}  // namespace duma::neighbors
