// Preset queries: which edges and which nodes an index is made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/properties.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma::graph {

// Pairs of key and value that properties must have, all of them.
using Condition = std::vector<std::pair<std::string, std::string>>;

inline bool matches(const Condition& condition, std::string_view properties) {
    return std::all_of(condition.begin(), condition.end(), [&](const auto& wanted) {
        msgpack::Reader in(properties);
        for (uint32_t n = in.map(); n--;) {
            const std::string_view key = in.raw(), value = in.raw();
            if (key == wanted.first) return value == wanted.second;
        }
        return false;
    });
}

// Whether each property map matches, by its number; empty if all do.
class Matching {
public:
    Matching(const Condition& condition, const PropertyList& list) {
        if (condition.empty()) return;
        matching_.resize(list.size());
        for (size_t i = 0; i < list.size(); ++i) matching_[i] = list[i] && matches(condition, *list[i]);
    }
    bool operator[](uint32_t number) const { return matching_.empty() || matching_[number]; }

private:
    std::vector<bool> matching_;
};

// Two queries are the same if their lists are, order included.
struct Query {
    Condition edges, nodes;

    // [[[key, value]...] for edges, [[key, value]...] for nodes]; what is missing is empty, what follows is ignored.
    static Query read(msgpack::Reader& in) {
        Query query;
        const uint32_t parts = in.array();
        for (uint32_t part = 0; part < parts; ++part) {
            if (part > 1) {
                in.skip();
                continue;
            }
            for (uint32_t n = in.array(); n--;) {
                if (!in.pair()) throw msgpack::TypeMismatch("a pair was expected");
                const std::string_view key = in.raw(), value = in.raw();
                (part ? query.nodes : query.edges).emplace_back(key, value);
            }
        }
        return query;
    }

    // The same form, in the old types: equal queries have equal bytes.
    std::string packed() const {
        msgpack::Buffer buffer;
        msgpack::Writer out(buffer);
        out.array(2);
        for (const Condition* condition : {&edges, &nodes}) {
            out.array(condition->size());
            for (const auto& [key, value] : *condition) {
                out.array(2);
                out.raw(key);
                out.raw(value);
            }
        }
        return std::move(buffer.bytes);
    }
};

}  // namespace duma::graph
