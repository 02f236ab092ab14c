// Node ids as text, as the wire has them.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace duma::graph {

// What a caller did wrong; the text is Jubatus'.
struct GraphError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The number that a text begins with, as a C++ stream reads one: blanks and a sign may stand in front, anything behind,
// and a negative number is counted back from 2^64. Throws `GraphError` where there is none or it is too large.
inline uint64_t parse_node_id(std::string_view text) {
    size_t i = text.find_first_not_of(" \t\n\v\f\r");
    const auto digit = [&] { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
    const bool negative = i < text.size() && text[i] == '-';
    if (negative || (i < text.size() && text[i] == '+')) ++i;
    if (!digit()) throw GraphError("std::bad_cast");
    uint64_t id = 0;
    for (; digit(); ++i)
        if (__builtin_mul_overflow(id, 10, &id) || __builtin_add_overflow(id, static_cast<uint64_t>(text[i] - '0'), &id))
            throw GraphError("std::bad_cast");
    return negative ? 0 - id : id;
}

}  // namespace duma::graph
