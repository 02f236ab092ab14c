// Signatures: bit strings whose Hamming distance estimates how alike two feature vectors are.
//
// Bit p is bit p % 64 of word p / 64; bits beyond the length are 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "neighbors/feature_vector.hpp"

namespace duma::neighbors {

using Signature = std::vector<uint64_t>;

inline size_t signature_words(size_t bits) { return (bits + 63) / 64; }

// One bit per projection: whether it is positive. Estimates the angle (Charikar 2002).
inline Signature cosine_signature(const std::vector<float>& projections) {
    Signature signature(signature_words(projections.size()));
    for (size_t j = 0; j < projections.size(); ++j)
        if (projections[j] > 0) signature[j / 64] |= uint64_t{1} << j % 64;
    return signature;
}

namespace detail {

inline constexpr size_t kMixed = 64;  // hashes that are made at once: a word of a signature

// out[i]: 64-bit mixing of three words by Jenkins' scheme, applied twice to (key, first + i, constant). One definition for
// every kind of processor: the attributes of the callers decide which instructions it becomes.
[[gnu::always_inline]] inline void mix(uint64_t key, uint64_t first, uint64_t (&out)[kMixed]) {
    constexpr int shifts[4][3] = {{43, 9, 8}, {38, 23, 5}, {35, 49, 11}, {12, 18, 22}};
    for (size_t i = 0; i < kMixed; ++i) {
        uint64_t a = key, b = first + i, c = 0xc3a5c85c97cb3127;
        for (int twice = 0; twice < 2; ++twice)
            for (const auto& shift : shifts) {
                a = (a - b - c) ^ c >> shift[0];
                b = (b - c - a) ^ a << shift[1];
                c = (c - a - b) ^ b >> shift[2];
            }
        out[i] = a;
    }
}

using Mix = void (*)(uint64_t, uint64_t, uint64_t (&)[kMixed]);

#if defined(__x86_64__)
[[gnu::target("avx2")]] inline void mix_avx2(uint64_t key, uint64_t first, uint64_t (&out)[kMixed]) { mix(key, first, out); }
#endif
inline void mix_plain(uint64_t key, uint64_t first, uint64_t (&out)[kMixed]) { mix(key, first, out); }

inline Mix fastest_mix() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return mix_avx2;
#endif
    return mix_plain;
}

}  // namespace detail

// In which precision the drawn number is divided by the feature's value; the engines differ.
enum class MinhashDivision { single_precision, double_precision };

// One bit per hash: the lowest of the name's hash of the feature that wins the draw. Features win in proportion to their
// values, so equal bits estimate the weighted Jaccard similarity (Li and Koenig, "b-Bit minwise hashing", WWW 2010).
inline Signature minhash_signature(const FeatureVector& features, size_t bits, MinhashDivision division) {
    const detail::Mix mix = detail::fastest_mix();
    Signature signature(signature_words(bits));
    for (size_t word = 0; word < signature.size(); ++word) {
        float lowest[detail::kMixed];
        std::fill_n(lowest, detail::kMixed, std::numeric_limits<float>::max());
        uint64_t winners = 0;  // the lowest bits of the winners' hashes
        for (const auto& [id, hash, value] : features) {
            uint64_t mixed[detail::kMixed];
            mix(hash, word * detail::kMixed, mixed);
            for (size_t i = 0; i < detail::kMixed; ++i) {
                const float drawn = -std::log(static_cast<float>(mixed[i]) / 0x1p64f);
                const float score = division == MinhashDivision::single_precision ? drawn / static_cast<float>(value)
                                                                                  : static_cast<float>(static_cast<double>(drawn) / value);
                if (!(score < lowest[i])) continue;
                lowest[i] = score;
                winners = (winners & ~(uint64_t{1} << i)) | (hash & 1) << i;
            }
        }
        signature[word] = winners;
    }
    if (bits % 64 != 0 && !signature.empty()) signature.back() &= (uint64_t{1} << bits % 64) - 1;
    return signature;
}

}  // namespace duma::neighbors
