// What the calls of the graph engine are given, in MessagePack.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "graph/properties.hpp"
#include "graph/query.hpp"
#include "msgpack/reader.hpp"

namespace duma::graph {

inline std::string_view raw(std::string_view packed) { return msgpack::Reader(packed).raw(); }

// A query's MessagePack, equal for equal queries, and back.
inline std::string read_query(std::string_view packed) {
    msgpack::Reader in(packed);
    return Query::read(in).packed();
}
inline Query unpacked_query(std::string_view packed) {
    msgpack::Reader in(packed);
    return Query::read(in);
}

// [properties, source, target]: what is missing is empty.
struct EdgeArgument {
    std::string properties = std::string(1, '\x80');
    std::string_view source, target;

    explicit EdgeArgument(std::string_view packed) {
        msgpack::Reader in(packed);
        const uint32_t n = in.array();
        if (n > 0) properties = read_properties(in);
        if (n > 1) source = in.raw();
        if (n > 2) target = in.raw();
    }
};

// [source, target, at most so many nodes, query]: what is missing is empty or 0.
struct PathArgument {
    std::string_view source, target;
    uint64_t most = 0;
    std::string query = Query().packed();

    explicit PathArgument(std::string_view packed) {
        msgpack::Reader in(packed);
        const uint32_t n = in.array();
        if (n > 0) source = in.raw();
        if (n > 1) target = in.raw();
        if (n > 2) most = in.unsigned_integer();
        if (most > UINT32_MAX) throw msgpack::TypeMismatch("a number of nodes is an integer below 2^32");
        if (n > 3) query = Query::read(in).packed();
    }
};

}  // namespace duma::graph
