// Names and their ids as model files hold them:
//
//   [{name: id}, {id: name}, next id]
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"

namespace duma::neighbors {

// Adds `n` names to a snapshot: `name(i)` with the id `id(i)`. What both read must be shared with the model.
template <class Name, class Id>
void add_ids(Snapshot& snapshot, uint32_t n, uint64_t next_id, Name name, Id id) {
    snapshot.add_packed([&](auto& out) {
        out.array(3);
        out.map(n);
    });
    add_rows(snapshot, n, [name, id](auto& out, uint32_t i) {
        out.raw(name(i));
        out.unsigned_integer(id(i));
    });
    snapshot.add_packed([&](auto& out) { out.map(n); });
    add_rows(snapshot, n, [name, id](auto& out, uint32_t i) {
        out.unsigned_integer(id(i));
        out.raw(name(i));
    });
    snapshot.add_packed([&](auto& out) { out.unsigned_integer(next_id); });
}

struct SavedIds {
    std::vector<std::pair<std::string_view, uint64_t>> names;  // in the order of the file
    uint64_t next_id = 0;                                      // above every id
};

inline SavedIds load_ids(msgpack::Reader& in) {
    constexpr uint64_t kMaximum = uint64_t{1} << 63;
    expect_array(in, 3, "a list of names and ids");
    SavedIds saved;
    std::vector<uint64_t> ids;
    for (uint32_t n = in.map(); n--;) {
        const std::string_view name = in.raw();
        const uint64_t id = in.unsigned_integer();
        if (id >= kMaximum) throw msgpack::TypeMismatch("too great an id: " + std::to_string(id));
        saved.names.emplace_back(name, id);
        ids.push_back(id);
        saved.next_id = std::max(saved.next_id, id + 1);
    }
    std::sort(ids.begin(), ids.end());
    if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) throw msgpack::TypeMismatch("two names have the same id");
    in.skip();  // {id: name} says what {name: id} says
    const uint64_t next = in.unsigned_integer();
    if (next < kMaximum) saved.next_id = std::max(saved.next_id, next);
    return saved;
}

// From the ids of a file to places in memory. Mostly ids are dense, and then a look-up is one read.
class PlacesById {
public:
    static constexpr uint32_t kNone = UINT32_MAX;
    static constexpr uint32_t kForgotten = UINT32_MAX - 1;  // a place for ids that a file has, but memory has not

    // `n` ids up to below `next_id` will be added.
    PlacesById(size_t n, uint64_t next_id) {
        if (next_id < 8 * uint64_t{n} + 1024) dense_.assign(static_cast<size_t>(next_id), kNone);
    }

    void add(uint64_t id, uint32_t place) {
        if (id < dense_.size()) dense_[static_cast<size_t>(id)] = place;
        else others_[id] = place;
    }

    // Raises for an id that was not added.
    uint32_t operator[](uint64_t id) const {
        if (id < dense_.size() && dense_[static_cast<size_t>(id)] != kNone) return dense_[static_cast<size_t>(id)];
        const auto found = others_.find(id);
        if (found == others_.end()) throw msgpack::TypeMismatch("an id without a name: " + std::to_string(id));
        return found->second;
    }

private:
    std::vector<uint32_t> dense_;
    std::unordered_map<uint64_t, uint32_t> others_;
};

}  // namespace duma::neighbors
