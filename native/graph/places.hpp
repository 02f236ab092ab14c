// Where the record with a given id stands in its table.
//
// Ids come from one counter, so they lie close together: places are kept in pages of 64 neighbouring ids, and a hash
// table finds the page. Going through ids in order hardly ever leaves the cache. An id far from all others costs a page.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <utility>
#include <vector>

#include "names/hash.hpp"

namespace duma::graph {

inline constexpr uint32_t kNone = UINT32_MAX;

class Places {
public:
    Places() : seed_(std::random_device{}()) {}

    // kNone for an id that has no place.
    uint32_t find(uint64_t id) const {
        const uint32_t page = find_page(id / kIds);
        return page == kNone ? kNone : pages_[page].places[id % kIds];
    }

    // Gives a place to an id that has none.
    void insert(uint64_t id, uint32_t place) {
        uint32_t page = find_page(id / kIds);
        if (page == kNone) page = add_page(id / kIds);
        pages_[page].places[id % kIds] = place;
        ++pages_[page].used;
    }

    // Takes its place from an id that has one.
    void erase(uint64_t id) {
        const uint32_t page = find_page(id / kIds);
        pages_[page].places[id % kIds] = kNone;
        if (--pages_[page].used == 0) drop_page(page);
    }

private:
    static constexpr uint64_t kIds = 64;

    struct Page {
        uint64_t number;
        uint32_t used;
        std::array<uint32_t, kIds> places;
    };

    // The hash table is many small ones with linear probing, each of which grows by itself: so no call ever waits until
    // all pages have found a new slot.
    struct Part {
        std::vector<uint32_t> slots;
        size_t used = 0;
    };

    uint64_t hash(uint64_t number) const { return fold(number ^ seed_, 0xa0761d6478bd642full); }
    static size_t part_of(uint64_t h) { return h >> 58; }

    uint32_t find_page(uint64_t number) const {
        const uint64_t h = hash(number);
        const std::vector<uint32_t>& slots = parts_[part_of(h)].slots;
        if (slots.empty()) return kNone;
        for (size_t i = h & (slots.size() - 1);; i = (i + 1) & (slots.size() - 1))
            if (slots[i] == kNone || pages_[slots[i]].number == number) return slots[i];
    }

    uint32_t add_page(uint64_t number) {
        uint32_t page = static_cast<uint32_t>(pages_.size());
        if (free_.empty()) {
            pages_.emplace_back();
        } else {
            page = free_.back();
            free_.pop_back();
        }
        pages_[page].number = number;
        pages_[page].used = 0;
        pages_[page].places.fill(kNone);
        const uint64_t h = hash(number);
        Part& part = parts_[part_of(h)];
        if ((part.used + 1) * 4 > part.slots.size() * 3) grow(part);
        put(part.slots, h, page);
        ++part.used;
        return page;
    }

    // What follows the empty slot in the same run moves up.
    void drop_page(uint32_t page) {
        const uint64_t h = hash(pages_[page].number);
        Part& part = parts_[part_of(h)];
        std::vector<uint32_t>& slots = part.slots;
        const size_t mask = slots.size() - 1;
        size_t hole = h & mask;
        while (slots[hole] != page) hole = (hole + 1) & mask;
        for (size_t i = (hole + 1) & mask; slots[i] != kNone; i = (i + 1) & mask) {
            const size_t wanted = hash(pages_[slots[i]].number) & mask;
            if (((i - wanted) & mask) < ((i - hole) & mask)) continue;  // it would stand before its run
            slots[hole] = slots[i];
            hole = i;
        }
        slots[hole] = kNone;
        --part.used;
        free_.push_back(page);
    }

    static void put(std::vector<uint32_t>& slots, uint64_t h, uint32_t page) {
        size_t i = h & (slots.size() - 1);
        while (slots[i] != kNone) i = (i + 1) & (slots.size() - 1);
        slots[i] = page;
    }

    void grow(Part& part) {
        std::vector<uint32_t> slots(part.slots.empty() ? 8 : part.slots.size() * 2, kNone);
        for (const uint32_t page : part.slots)
            if (page != kNone) put(slots, hash(pages_[page].number), page);
        part.slots = std::move(slots);
    }

    uint64_t seed_;
    std::array<Part, 64> parts_;
    std::deque<Page> pages_;
    std::vector<uint32_t> free_;
};

}  // namespace duma::graph
