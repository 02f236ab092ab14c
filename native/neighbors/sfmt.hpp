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
    explicit Sfmt607(uint32_t seed) {
        state_[0] = seed;
        for (uint32_t i = 1; i < kInts; ++i) state_[i] = 1812433253u * (state_[i - 1] ^ state_[i - 1] >> 30) + i;
        certify_period();
    }

    uint32_t operator()() {
        if (next_ == kInts) refill();
        return state_[next_++];
    }

private:
    static constexpr uint32_t kWords = 5, kInts = 4 * kWords;
    static constexpr std::array<uint32_t, 4> kMask = {0xfdff37ff, 0xef7f3f7d, 0xff777b7d, 0x7ff7fb2f};
    static constexpr std::array<uint32_t, 4> kParity = {0x00000001, 0, 0, 0x5986f054};

    void certify_period() {
        uint32_t inner = 0;
        for (uint32_t i = 0; i < 4; ++i) inner ^= state_[i] & kParity[i];
        if (std::popcount(inner) % 2 == 0) state_[0] ^= 1;
    }

    void refill() {
        uint32_t before_last = 3, last = 4;  // the words made before, the older one first
        for (uint32_t i = 0; i < kWords; ++i) {
            renew(4 * i, 4 * ((i + 2) % kWords), 4 * before_last, 4 * last);
            before_last = last;
            last = i;
        }
        next_ = 0;
    }

    // Word `to` from itself, the one two further on, and the two made before.
    void renew(uint32_t to, uint32_t ahead, uint32_t before_last, uint32_t last) {
        const auto low = [&](uint32_t at) { return state_[at] | static_cast<uint64_t>(state_[at + 1]) << 32; };
        const auto high = [&](uint32_t at) { return state_[at + 2] | static_cast<uint64_t>(state_[at + 3]) << 32; };
        const uint64_t own_low = low(to) << 24, own_high = high(to) << 24 | low(to) >> 40;
        const uint64_t past_low = low(before_last) >> 24 | high(before_last) << 40, past_high = high(before_last) >> 24;
        const uint64_t mixed[2] = {own_low ^ past_low, own_high ^ past_high};
        for (uint32_t lane = 0; lane < 4; ++lane) {
            const auto shifted = static_cast<uint32_t>(mixed[lane / 2] >> (lane % 2 * 32));
            state_[to + lane] ^= shifted ^ (state_[ahead + lane] >> 13 & kMask[lane]) ^ state_[last + lane] << 15;
        }
    }

    std::array<uint32_t, kInts> state_{};
    uint32_t next_ = kInts;  // the state is exhausted: the first output refills it
};

}  // namespace duma::neighbors
