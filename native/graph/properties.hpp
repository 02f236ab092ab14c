// The properties of nodes and edges: maps from text to text, each different one kept once.
//
// A graph has few different property maps, or one for each node. Kept once, equal ones cost four bytes each, and whether
// they match a query is found once for all who have them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/cow_array.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma::graph {

// A {text: text} map as MessagePack in the old types, with its keys in order: equal maps have equal bytes. Of a key that
// stands twice the last counts.
inline std::string read_properties(msgpack::Reader& in) {
    msgpack::Buffer buffer;
    msgpack::Writer out(buffer);
    const uint32_t n = in.map();
    const auto write = [&](std::string_view key, std::string_view value) {
        out.raw(key);
        out.raw(value);
    };
    if (n <= 1) {  // as most are
        out.map(n);
        if (n == 1) {
            const std::string_view key = in.raw();
            write(key, in.raw());
        }
        return std::move(buffer.bytes);
    }
    std::map<std::string_view, std::string_view> entries;
    for (uint32_t i = 0; i < n; ++i) {
        const std::string_view key = in.raw();
        entries.insert_or_assign(key, in.raw());
    }
    out.map(entries.size());
    for (const auto& [key, value] : entries) write(key, value);
    return std::move(buffer.bytes);
}

// The different maps by their numbers, for readers. A number that is not in use has none.
using PropertyList = CowArray<std::shared_ptr<const std::string>, 512>;

class Properties {
public:
    static constexpr uint32_t kEmpty = 0;  // the number of the empty map, which is always there

    Properties() {
        list_.grow(1);
        list_.mutable_at(kEmpty) = std::make_shared<const std::string>(1, '\x80');
        users_.push_back(1);
        numbers_.emplace(*list_[kEmpty], kEmpty);
    }

    // The number of a map, which has one user more now.
    uint32_t add(std::string packed) {
        const auto known = numbers_.find(packed);
        if (known != numbers_.end()) {
            ++users_[known->second];
            return known->second;
        }
        if (users_.size() >= UINT32_MAX) throw std::length_error("too many different properties");
        auto kept = std::make_shared<const std::string>(std::move(packed));
        uint32_t number = static_cast<uint32_t>(users_.size());
        if (!free_.empty()) {
            number = free_.back();
            free_.pop_back();
        } else {
            users_.push_back(0);
            list_.grow(users_.size());
        }
        users_[number] = 1;
        numbers_.emplace(*kept, number);
        list_.mutable_at(number) = std::move(kept);
        return number;
    }

    uint32_t add_empty() {
        ++users_[kEmpty];
        return kEmpty;
    }

    // One user less; the last takes the map with it.
    void release(uint32_t number) {
        if (--users_[number] > 0) return;
        numbers_.erase(*list_[number]);
        list_.mutable_at(number) = nullptr;
        free_.push_back(number);
    }

    const std::string& operator[](uint32_t number) const { return *list_[number]; }
    const PropertyList& list() const { return list_; }
    PropertyList share() { return list_.share(); }

private:
    PropertyList list_;
    std::vector<uint64_t> users_;  // by number
    std::vector<uint32_t> free_;
    std::unordered_map<std::string_view, uint32_t> numbers_;
};

}  // namespace duma::graph
