// A signature as model files hold it: [bits, raw], the raw being its words, each with its highest byte first. [0, ""] is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/loading.hpp"
#include "msgpack/reader.hpp"
#include "neighbors/signatures.hpp"

namespace duma::neighbors {

template <class Out>
void pack_signature(Out& out, size_t bits, const uint64_t* words) {
    std::string raw;
    for (size_t word = 0; word < signature_words(bits); ++word)
        for (int shift = 56; shift >= 0; shift -= 8) raw.push_back(static_cast<char>(words[word] >> shift));
    out.array(2);
    out.unsigned_integer(bits);
    out.raw(raw);
}

template <class Out>
void pack_no_signature(Out& out) {
    pack_signature(out, 0, nullptr);
}

// Into `words`, if it has `bits` bits; false if there is none. Raises for other lengths.
inline bool load_signature(msgpack::Reader& in, size_t bits, uint64_t* words) {
    expect_array(in, 2, "a signature");
    const uint64_t given = in.unsigned_integer();
    const std::string_view raw = in.raw();
    if (given == 0 && raw.empty()) return false;
    if (given != bits) throw msgpack::TypeMismatch("a signature has " + std::to_string(given) + " bits, but " + std::to_string(bits) + " are expected");
    const size_t expected = 8 * signature_words(bits);
    if (raw.size() != expected)
        throw msgpack::TypeMismatch("invalid length of packed data: expected: " + std::to_string(expected) + ", got: " + std::to_string(raw.size()));
    for (size_t word = 0; word < signature_words(bits); ++word) words[word] = msgpack::big_endian64(reinterpret_cast<const uint8_t*>(raw.data()) + 8 * word);
    // Unused bits would count as differences.
    if (bits % 64 != 0) words[signature_words(bits) - 1] &= (uint64_t{1} << bits % 64) - 1;
    return true;
}

}  // namespace duma::neighbors
