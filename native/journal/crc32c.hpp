// CRC32C (Castagnoli), by the processor's instruction where it has one.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace duma::journal {

namespace detail {

inline constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

consteval std::array<std::array<uint32_t, 256>, 8> tables() {
    std::array<std::array<uint32_t, 256>, 8> t{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
        t[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; ++i)
        for (size_t k = 1; k < 8; ++k) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xff];
    return t;
}

inline constexpr auto kTables = tables();

// Eight bytes at a time (Kounavis and Berry, "A systematic approach to building high performance software-based CRC
// generators", 2005).
constexpr uint32_t by_table(uint32_t crc, const uint8_t* p, size_t n) {
    for (; n >= 8; p += 8, n -= 8) {
        uint32_t low = crc;
        for (int i = 0; i < 4; ++i) low ^= static_cast<uint32_t>(p[i]) << (8 * i);
        crc = kTables[7][low & 0xff] ^ kTables[6][low >> 8 & 0xff] ^ kTables[5][low >> 16 & 0xff] ^ kTables[4][low >> 24] ^
              kTables[3][p[4]] ^ kTables[2][p[5]] ^ kTables[1][p[6]] ^ kTables[0][p[7]];
    }
    for (; n; ++p, --n) crc = crc >> 8 ^ kTables[0][(crc ^ *p) & 0xff];
    return crc;
}

consteval uint32_t check_value() {
    constexpr uint8_t digits[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    return ~by_table(~0u, digits, sizeof digits);
}
static_assert(check_value() == 0xe3069283);  // the published one

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] inline uint32_t by_instruction(uint32_t crc, const uint8_t* p, size_t n) {
    uint64_t wide = crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        std::memcpy(&word, p, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = static_cast<uint32_t>(wide);
    for (; n; ++p, --n) crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}
#endif

}  // namespace detail

// The checksum of what had the checksum `crc` (nothing: 0) and `bytes` behind it.
inline uint32_t crc32c(uint32_t crc, std::string_view bytes) {
    const auto* p = reinterpret_cast<const uint8_t*>(bytes.data());
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~detail::by_instruction(~crc, p, bytes.size());
#endif
    return ~detail::by_table(~crc, p, bytes.size());
}

}  // namespace duma::journal
