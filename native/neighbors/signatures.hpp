// Signatures: bit strings whose Hamming distance estimates how alike two feature vectors are.
//
// Bit p is bit p % 64 of word p / 64; bits beyond the length are 0.
#pragma once

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

// 64-bit mixing of three words by Jenkins' scheme, applied twice to (key, j, constant).
inline uint64_t minhash_mix(uint64_t key, uint64_t j) {
    uint64_t a = key, b = j, c = 0xc3a5c85c97cb3127;
    constexpr int shifts[4][3] = {{43, 9, 8}, {38, 23, 5}, {35, 49, 11}, {12, 18, 22}};
    for (int twice = 0; twice < 2; ++twice)
        for (const auto& shift : shifts) {
            a = (a - b - c) ^ c >> shift[0];
            b = (b - c - a) ^ a << shift[1];
            c = (c - a - b) ^ b >> shift[2];
        }
    return a;
}

}  // namespace detail

// In which precision the drawn number is divided by the feature's value; the engines differ.
enum class MinhashDivision { single_precision, double_precision };

// One bit per hash: the lowest of the name's hash of the feature that wins the draw. Features win in proportion to their
// values, so equal bits estimate the weighted Jaccard similarity (Li and Koenig, "b-Bit minwise hashing", WWW 2010).
inline Signature minhash_signature(const FeatureVector& features, size_t bits, MinhashDivision division) {
    Signature signature(signature_words(bits));
    for (size_t j = 0; j < bits; ++j) {
        float lowest = std::numeric_limits<float>::max();
        uint64_t winner = 0;
        for (const auto& [id, hash, value] : features) {
            const float uniform = static_cast<float>(detail::minhash_mix(hash, j)) / 0x1p64f;
            const float drawn = -std::log(uniform);
            const float score = division == MinhashDivision::single_precision ? drawn / static_cast<float>(value)
                                                                              : static_cast<float>(static_cast<double>(drawn) / value);
            if (score < lowest) {
                lowest = score;
                winner = hash;
            }
        }
        if (winner & 1) signature[j / 64] |= uint64_t{1} << j % 64;
    }
    return signature;
}

}  // namespace duma::neighbors
