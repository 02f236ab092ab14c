// Hamming distances from one signature to many that lie side by side in memory.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace duma::neighbors {

namespace detail {

// One definition for every kind of processor: the attributes of the callers decide what popcount becomes.
[[gnu::always_inline]] inline void hamming(const uint64_t* query, const uint64_t* rows, size_t n, size_t words, uint32_t* out) {
    for (size_t row = 0; row < n; ++row, rows += words) {
        uint64_t bits = 0;
        for (size_t word = 0; word < words; ++word) bits += static_cast<uint64_t>(std::popcount(query[word] ^ rows[word]));
        out[row] = static_cast<uint32_t>(bits);
    }
}

#if defined(__x86_64__)
[[gnu::target("avx512f,avx512vl,avx512vpopcntdq,popcnt")]] inline void hamming_avx512(const uint64_t* query, const uint64_t* rows, size_t n, size_t words, uint32_t* out) {
    if (words == 8) hamming(query, rows, n, 8, out);
    else hamming(query, rows, n, words, out);
}
[[gnu::target("popcnt")]] inline void hamming_popcnt(const uint64_t* query, const uint64_t* rows, size_t n, size_t words, uint32_t* out) {
    if (words == 1) hamming(query, rows, n, 1, out);
    else if (words == 8) hamming(query, rows, n, 8, out);
    else hamming(query, rows, n, words, out);
}
#endif

}  // namespace detail

// out[i] = number of bits in which row i differs from the query; each has `words` words.
inline void hamming_distances(const uint64_t* query, const uint64_t* rows, size_t n, size_t words, uint32_t* out) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512vl")) return detail::hamming_avx512(query, rows, n, words, out);
    if (__builtin_cpu_supports("popcnt")) return detail::hamming_popcnt(query, rows, n, words, out);
#endif
    detail::hamming(query, rows, n, words, out);
}

inline uint32_t hamming_distance(const uint64_t* a, const uint64_t* b, size_t words) {
    uint32_t distance = 0;
    hamming_distances(a, b, 1, words, &distance);
    return distance;
}

}  // namespace duma::neighbors
