// Frames of the journal, as they are appended; their layout is described in `duma.store.journal`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "journal/crc32c.hpp"

namespace duma::journal {

// Encodes records one behind the other and keeps the bytes until they are taken.
class Frames {
public:
    static constexpr size_t kMaxName = 255;
    static constexpr size_t kMaxBody = 0xffff'ffff;

    // Goes on behind record `sequence`, which has `checksum`, in the journal with this identity.
    Frames(uint32_t identity, uint64_t sequence, uint32_t checksum) : identity_(identity), sequence_(sequence), checksum_(checksum) {}

    uint64_t sequence() const { return sequence_; }
    uint32_t checksum() const { return checksum_; }
    size_t pending() const { return pending_.size(); }

    // The caller has held name and payload against the limits. Returns the record's number.
    uint64_t append(uint8_t kind, std::string_view name, std::string_view payload, int64_t time) {
        const size_t start = pending_.size();
        ++sequence_;
        big<4>(0);  // the checksum, when all it covers is there
        big<4>(checksum_);
        big<4>(name.size() + payload.size());
        big<1>(kind);
        big<1>(name.size());
        big<2>(0xa7d5);
        big<8>(sequence_);
        big<8>(static_cast<uint64_t>(time));
        pending_.append(name).append(payload);
        checksum_ = crc32c(identity_, std::string_view(pending_).substr(start + 4));
        for (int i = 0; i < 4; ++i) pending_[start + static_cast<size_t>(i)] = static_cast<char>(checksum_ >> (24 - 8 * i));
        return sequence_;
    }

    std::string take() {
        std::string taken;
        taken.swap(pending_);
        return taken;
    }

private:
    template <int N>
    void big(uint64_t value) {
        for (int i = N - 1; i >= 0; --i) pending_.push_back(static_cast<char>(value >> (8 * i)));
    }

    const uint32_t identity_;
    uint64_t sequence_;
    uint32_t checksum_;
    std::string pending_;
};

}  // namespace duma::journal
