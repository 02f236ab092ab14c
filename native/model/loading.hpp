// What reading user data has in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "msgpack/reader.hpp"

namespace duma {

using Progress = std::function<void(size_t)>;  // told the bytes read so far; may be empty

inline constexpr size_t kProgressBytes = 4 << 20;

inline void expect_array(msgpack::Reader& in, uint32_t n, const char* what) {
    if (in.array() != n) throw msgpack::TypeMismatch(std::string(what) + " is an array of " + std::to_string(n));
}

// Passes over the head of user data, `[version, what the engine keeps]`. The version was checked with the file.
inline void pass_user_data_head(msgpack::Reader& in) {
    expect_array(in, 2, "user data");
    in.unsigned_integer();
}

}  // namespace duma
