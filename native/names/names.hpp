// Interned names: each distinct byte string gets a dense number once and keeps it.
//
// Names are only ever added (or all cleared), and a name's bytes never move. A snapshot therefore needs no copy: it
// shares the blocks and remembers how many names there were.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "common/cow_array.hpp"
#include "names/hash.hpp"

namespace duma {

// The bytes of names by number. A name is kept as its length (4 bytes) and its bytes.
class NameList {
public:
    size_t size() const { return places_.size(); }

    std::string_view operator[](uint32_t id) const {
        const char* place = places_[id];
        return {place + sizeof(uint32_t), load32(place)};
    }

    uint32_t add(std::string_view name) {
        const size_t id = places_.size();
        if (id >= kMaximum) throw std::length_error("too many feature names");
        if (name.size() > UINT32_MAX) throw std::length_error("a feature name is too long");
        char* place = allocate(sizeof(uint32_t) + name.size());
        const auto length = static_cast<uint32_t>(name.size());
        std::memcpy(place, &length, sizeof length);
        std::memcpy(place + sizeof length, name.data(), name.size());
        places_.grow(id + 1);
        places_.mutable_at(id) = place;
        return static_cast<uint32_t>(id);
    }

    // Forgets all names. Room that no snapshot shares is used again.
    void clear() {
        if (arenas_.size() == 1 && arenas_[0].use_count() == 1 && places_.size() <= kRewindable) {
            places_.rewind();
            large_.clear();
            free_ = arenas_[0].get();
            left_ = kArena;
            return;
        }
        places_.clear();
        arenas_.clear();
        large_.clear();
        free_ = nullptr;
        left_ = 0;
    }

    // Names are immutable, so a reader may share the very blocks that go on being filled behind its last name.
    NameList share() const { return *this; }

    static constexpr uint32_t kMaximum = 1u << 31;

private:
    char* allocate(size_t n) {
        if (n > left_) {
            if (n > kArena / 8) {  // a place of its own, behind the others
                large_.push_back(std::shared_ptr<char[]>(new char[n]));
                return large_.back().get();
            }
            arenas_.push_back(std::shared_ptr<char[]>(new char[kArena]));
            free_ = arenas_.back().get();
            left_ = kArena;
        }
        char* place = free_;
        free_ += n;
        left_ -= n;
        return place;
    }

    static constexpr size_t kArena = 256 * 1024;
    static constexpr size_t kRewindable = 4096;
    CowArray<char*> places_;
    std::vector<std::shared_ptr<char[]>> arenas_, large_;
    char* free_ = nullptr;
    size_t left_ = 0;
};

class Names {
public:
    static constexpr uint32_t kNone = UINT32_MAX;

    Names() : seed_(std::random_device{}()), slots_(kFirstSlots, kEmpty) {}

    size_t size() const { return list_.size(); }
    std::string_view operator[](uint32_t id) const { return list_[id]; }
    uint64_t generation() const { return generation_; }  // changes when numbers lose their meaning

    uint64_t hash(std::string_view name) const { return hash_name(name, seed_); }

    uint32_t find(std::string_view name) const { return find(name, hash(name)); }

    uint32_t find(std::string_view name, uint64_t h) const {
        for (size_t i = h & mask();; i = (i + 1) & mask()) {
            const uint64_t slot = slots_[i];
            if (slot == kEmpty) return kNone;
            if (tag(slot) == static_cast<uint32_t>(h) && is(number(slot), name)) return number(slot);
        }
    }

    uint32_t intern(std::string_view name) { return intern(name, hash(name)); }

    uint32_t intern(std::string_view name, uint64_t h) {
        const uint32_t known = find(name, h);
        if (known != kNone) return known;
        if ((size() + 1) * 4 > slots_.size() * 3) resize_slots(slots_.size() * 2);
        const uint32_t id = list_.add(name);
        place(static_cast<uint32_t>(h), id);
        return id;
    }

    void clear() {
        list_.clear();
        slots_.assign(kFirstSlots, kEmpty);
        ++generation_;
    }

    NameList share() const { return list_.share(); }

private:
    // A slot holds the low half of the hash, which alone decides the place, and the number: growing reads no name.
    static constexpr uint64_t kEmpty = UINT64_MAX;
    static constexpr size_t kFirstSlots = 64;
    static uint32_t tag(uint64_t slot) { return static_cast<uint32_t>(slot >> 32); }
    static uint32_t number(uint64_t slot) { return static_cast<uint32_t>(slot); }
    size_t mask() const { return slots_.size() - 1; }

    bool is(uint32_t id, std::string_view name) const {
        const std::string_view own = list_[id];
        return own.size() == name.size() && same_bytes(own.data(), name.data(), name.size());
    }

    void place(uint32_t low_hash, uint32_t id) {
        size_t i = low_hash & mask();
        while (slots_[i] != kEmpty) i = (i + 1) & mask();
        slots_[i] = static_cast<uint64_t>(low_hash) << 32 | id;
    }

    void resize_slots(size_t n) {
        std::vector<uint64_t> old(n, kEmpty);
        old.swap(slots_);
        for (const uint64_t slot : old)
            if (slot != kEmpty) place(tag(slot), number(slot));
    }

    uint64_t seed_;
    uint64_t generation_ = 0;
    NameList list_;
    std::vector<uint64_t> slots_;
};

}  // namespace duma
