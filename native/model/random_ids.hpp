// Ids for what a model is taught without a name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace duma {

// Draws ids of 8 letters and digits. Numbers come from SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
// generators", OOPSLA 2014), whose whole state is one number.
class RandomIds {
public:
    explicit RandomIds(uint64_t state) : state_(state) {}

    uint64_t state() const { return state_; }

    std::string operator()() {
        constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        std::string id(8, ' ');
        uint64_t number = next();
        for (char& c : id) {
            c = kCharacters[number % kCharacters.size()];
            number /= kCharacters.size();
        }
        return id;
    }

private:
    uint64_t next() {
        state_ += 0x9e3779b97f4a7c15;
        uint64_t z = state_;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }

    uint64_t state_;
};

}  // namespace duma
