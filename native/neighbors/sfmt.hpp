// SFMT, a Mersenne twister on words of 128 bits (Saito and Matsumoto, "SIMD-oriented fast Mersenne twister", MCQMC 2006),
// with the period 2^607 - 1.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace duma::neighbors {

class Sfmt607 {
public:
    static constexpr size_t kInts = 20;  // of one state

    explicit Sfmt607(uint32_t seed) {
        std::array<uint32_t, kInts> ints;
        ints[0] = seed;
        for (uint32_t i = 1; i < kInts; ++i) ints[i] = 1812433253u * (ints[i - 1] ^ ints[i - 1] >> 30) + i;
        // Certification of the period: the parity of these bits must be odd.
        if (std::popcount((ints[0] & 1u) ^ (ints[3] & 0x5986f054u)) % 2 == 0) ints[0] ^= 1;
        for (size_t i = 0; i < kInts; i += 4) words_[i / 4] = {joined(ints[i], ints[i + 1]), joined(ints[i + 2], ints[i + 3])};
    }

    // The next `kInts` numbers of the stream.
    void next(uint32_t* out) {
        Word before_last = words_[3], last = words_[4];  // the words made before, the older one first
        for (size_t i = 0; i < kWords; ++i) {
            const Word made = renewed(words_[i], words_[(i + 2) % kWords], before_last, last);
            words_[i] = made;
            before_last = last;
            last = made;
            out[4 * i] = static_cast<uint32_t>(made.low);
            out[4 * i + 1] = static_cast<uint32_t>(made.low >> 32);
            out[4 * i + 2] = static_cast<uint32_t>(made.high);
            out[4 * i + 3] = static_cast<uint32_t>(made.high >> 32);
        }
    }

private:
    static constexpr size_t kWords = kInts / 4;

    struct Word {  // of 128 bits
        uint64_t low, high;
    };

    static uint64_t joined(uint32_t low, uint32_t high) { return low | static_cast<uint64_t>(high) << 32; }

    static Word renewed(Word own, Word ahead, Word before_last, Word last) {
        constexpr uint64_t kMaskLow = 0xef7f3f7dfdff37ff, kMaskHigh = 0x7ff7fb2fff777b7d;
        // Shifts of the two halves of 64 bits, each by itself.
        const auto halves_right_13 = [](uint64_t v) { return v >> 13 & 0x0007ffff0007ffff; };
        const auto halves_left_15 = [](uint64_t v) { return v << 15 & 0xffff8000ffff8000; };
        return {own.low ^ own.low << 24 ^ (before_last.low >> 24 | before_last.high << 40) ^ (halves_right_13(ahead.low) & kMaskLow) ^ halves_left_15(last.low),
                own.high ^ (own.high << 24 | own.low >> 40) ^ before_last.high >> 24 ^ (halves_right_13(ahead.high) & kMaskHigh) ^ halves_left_15(last.high)};
    }

    std::array<Word, kWords> words_;
};

}  // namespace duma::neighbors
