// The hash of names in memory (never stored, never visible): multiply-and-fold over 8-byte words.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace duma {

inline uint64_t fold(uint64_t a, uint64_t b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t load64(const char* p) {
    uint64_t v;
    std::memcpy(&v, p, 8);
    return v;
}

inline uint64_t load32(const char* p) {
    uint32_t v;
    std::memcpy(&v, p, 4);
    return v;
}

inline uint64_t hash_name(std::string_view s, uint64_t seed) {
    constexpr uint64_t k0 = 0xa0761d6478bd642full, k1 = 0xe7037ed1a0b428dbull;
    const char* p = s.data();
    size_t n = s.size();
    uint64_t h = seed ^ (n * k1);
    if (n >= 8) {
        for (; n > 8; p += 8, n -= 8) h = fold(h ^ load64(p), k0);
        return fold(h ^ load64(p + n - 8), k1);
    }
    uint64_t tail = 0;
    if (n >= 4) tail = load32(p) << 32 | load32(p + n - 4);
    else if (n > 0) tail = static_cast<uint64_t>(static_cast<uint8_t>(p[0])) << 16 |
                           static_cast<uint64_t>(static_cast<uint8_t>(p[n / 2])) << 8 | static_cast<uint8_t>(p[n - 1]);
    return fold(h ^ tail, k1);
}

inline bool same_bytes(const char* a, const char* b, size_t n) {
    if (n >= 8) {
        size_t i = 0;
        for (; i + 8 < n; i += 8)
            if (load64(a + i) != load64(b + i)) return false;
        return load64(a + n - 8) == load64(b + n - 8);
    }
    if (n >= 4) return load32(a) == load32(b) && load32(a + n - 4) == load32(b + n - 4);
    for (size_t i = 0; i < n; ++i)
        if (a[i] != b[i]) return false;
    return true;
}

}  // namespace duma
