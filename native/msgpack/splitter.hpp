// Finds where a MessagePack-RPC message ends in bytes that arrive piece by piece.
//
// The splitter owns no bytes. It is shown the message from its first byte on, each time with more of it, and goes on
// where it stopped: every byte is looked at once, so a message of 1 GB in pieces of 64 KiB costs no more than at once.
// What it needs to remember is the open containers (at most `max_depth`) and where the envelope's fields begin. A
// length that is declared is never believed before the bytes are there; it only counts against the size limit.
//
//     request [0, msgid, method, params, ...]        notify [2, method, params, ...]
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "msgpack/reader.hpp"

namespace duma::msgpack {

// A message's parts, as offsets from its first byte.
struct Message {
    // Methods have fewer arguments; further ones would be ignored, so they are not kept.
    static constexpr size_t max_arguments = 16;

    struct Part {
        uint64_t begin = 0;
        uint64_t end = 0;
    };

    bool notify = false;
    uint32_t id = 0;
    Part method;
    Part params;  // empty when the message ends before it
    bool params_are_array = false;
    size_t arguments = 0;  // how many of `argument_begin` are filled
    std::array<uint64_t, max_arguments + 1> argument_begin{};  // one more: where the last kept one ends
    uint64_t size = 0;
};

namespace splitting {

// What a first byte says. `fixed`: how many bytes the whole value takes, 0 when that is not all of it.
// Else `header` bytes hold a length of `header - 1` bytes, and `container` tells what it counts.
struct Tag {
    uint8_t fixed = 0;
    uint8_t header = 0;
    uint8_t container = 0;  // 0: bytes follow; 1: that many values; 2: that many pairs
};

constexpr std::array<Tag, 256> make_tags() {
    std::array<Tag, 256> all{};
    for (unsigned b = 0; b < 256; ++b) {
        Tag& tag = all[b];
        if (b < 0x80 || b >= 0xe0) tag.fixed = 1;
        else if (b < 0x90) tag = {0, 1, 2};
        else if (b < 0xa0) tag = {0, 1, 1};
        else if (b < 0xc0) tag.fixed = static_cast<uint8_t>(1 + (b & 0x1f));
    }
    for (unsigned b : {0xc0, 0xc2, 0xc3}) all[b].fixed = 1;
    for (unsigned b : {0xcc, 0xd0}) all[b].fixed = 2;
    for (unsigned b : {0xcd, 0xd1}) all[b].fixed = 3;
    for (unsigned b : {0xca, 0xce, 0xd2}) all[b].fixed = 5;
    for (unsigned b : {0xcb, 0xcf, 0xd3}) all[b].fixed = 9;
    for (unsigned b : {0xc4, 0xd9}) all[b] = {0, 2, 0};
    for (unsigned b : {0xc5, 0xda}) all[b] = {0, 3, 0};
    for (unsigned b : {0xc6, 0xdb}) all[b] = {0, 5, 0};
    all[0xdc] = {0, 3, 1};
    all[0xdd] = {0, 5, 1};
    all[0xde] = {0, 3, 2};
    all[0xdf] = {0, 5, 2};
    return all;  // 0xc1 and the ext types stay all zero: no value begins with them
}
inline constexpr std::array<Tag, 256> tags = make_tags();

}  // namespace splitting

class Splitter {
public:
    enum class State { incomplete, complete, broken };

    // Raises nothing: what is wrong with a message is told by `broken_reason`.
    Splitter(uint64_t max_message_bytes, size_t max_depth)
        : max_bytes_(max_message_bytes), max_depth_(max_depth), left_(max_depth) {}

    // Goes on with the message whose first `size` bytes are at `bytes`. After `complete`, `message()` has its parts,
    // and the next call begins the message that follows; after `broken`, nothing more can be read.
    State scan(const uint8_t* bytes, uint64_t size) {
        if (reason_ != nullptr) return State::broken;
        const State state = walk(bytes, size);
        if (state != State::complete) return state;
        if (!parse_envelope(bytes)) return State::broken;
        restart();
        return State::complete;
    }

    const Message& message() const { return message_; }

    // Why the stream cannot be read on; null while it can.
    const char* broken_reason() const { return reason_; }
    bool too_large() const { return reason_ == beyond_limit; }

    // The id of a message that is incomplete or broken, for an error that its sender can match; false when it is not
    // known yet or not a request.
    bool request_id(const uint8_t* bytes, uint32_t& id) const {
        uint64_t kind = 0;
        if (fields_ < 3 || splitting::tags[bytes[0]].container != 1) return false;
        return read_unsigned(bytes + field_begin_[0], kind) && kind == request_kind && read_id(bytes, id);
    }

private:
    static constexpr uint64_t request_kind = 0;
    static constexpr uint64_t notify_kind = 2;
    static constexpr const char* beyond_limit = "the message is larger than the limit";

    // Walks over values until the message or the bytes end. `position_` may run ahead of `size` by a value's payload.
    State walk(const uint8_t* bytes, const uint64_t size) {
        // Looking no further than the limit makes the verdict independent of how the bytes were cut.
        const uint64_t end = size < max_bytes_ ? size : max_bytes_;
        uint64_t at = position_;
        uint64_t left = depth_ == 0 ? 1 : left_[depth_ - 1];
        while (!finished_) {
            if (at >= end) return pause(at, left, at >= max_bytes_);
            const splitting::Tag tag = splitting::tags[bytes[at]];
            if (tag.fixed != 0) {
                if (depth_ <= 2) note(bytes, at);
                at += tag.fixed;
            } else if (const uint64_t next = short_pair(bytes, at, end)) {
                at = next;
            } else {
                if (tag.header == 0) return fail("a byte begins no MessagePack value");
                if (at + tag.header > end) return pause(at, left, at + tag.header > max_bytes_);
                if (depth_ <= 2) note(bytes, at);
                const uint64_t length = tag.header == 1 ? bytes[at] & 0x0f : big_endian(bytes + at + 1, tag.header - 1);
                at += tag.header;
                if (tag.container == 0) {
                    at += length;
                } else {
                    const uint64_t values = length * tag.container;
                    if (depth_ >= max_depth_) return fail("the message is nested too deep");
                    if (values > max_bytes_ - at) return fail(beyond_limit);  // each takes a byte at least
                    if (values != 0) {
                        if (depth_ != 0) left_[depth_ - 1] = left;
                        ++depth_;
                        left = values;
                        continue;
                    }
                }
            }
            while (--left == 0) {  // the value was the last of its container, and that perhaps the last of its own
                if (depth_ == 0) {
                    finished_ = true;
                    break;
                }
                --depth_;
                left = depth_ == 0 ? 1 : left_[depth_ - 1];
            }
        }
        position_ = at;
        if (at > max_bytes_) return fail(beyond_limit);
        if (at > size) return State::incomplete;
        message_.size = at;
        return State::complete;
    }

    // Where a pair of a short string and a short value ends, 0 when something else is at `at`. Datums are made of
    // such pairs: without opening a container for each, they go by several times as fast.
    uint64_t short_pair(const uint8_t* bytes, uint64_t at, uint64_t end) const {
        constexpr uint64_t longest = 2 + 31 + 1;  // up to the value's first byte
        if (bytes[at] != 0x92 || depth_ <= 2 || depth_ >= max_depth_ || end - at < longest) return 0;
        const uint8_t key = bytes[at + 1];
        if ((key & 0xe0) != 0xa0) return 0;
        const uint64_t value = at + 2 + (key & 0x1f);
        if (bytes[value] == 0xcb) return value + 9;
        const uint8_t fixed = splitting::tags[bytes[value]].fixed;
        return fixed == 0 ? 0 : value + fixed;
    }

    State pause(uint64_t at, uint64_t left, bool too_large) {
        if (too_large) return fail(beyond_limit);
        position_ = at;
        if (depth_ != 0) left_[depth_ - 1] = left;
        return State::incomplete;
    }

    State fail(const char* reason) {
        reason_ = reason;
        return State::broken;
    }

    // Keeps where the envelope's fields and the arguments begin. Each ends where the next begins.
    void note(const uint8_t* bytes, uint64_t at) {
        if (depth_ == 1) {
            if (fields_ == field_begin_.size()) return;
            field_begin_[fields_++] = at;
            if (fields_ == 2) {
                uint64_t kind = 0;
                params_field_ = read_unsigned(bytes + field_begin_[0], kind) && kind == notify_kind ? 2 : 3;
            }
        } else if (depth_ == 2 && fields_ == params_field_ + 1 && arguments_ < message_.argument_begin.size()) {
            message_.argument_begin[arguments_++] = at;
        }
    }

    // Fills in `message_` from a whole message; false, and broken, when it is neither a request nor a notify.
    bool parse_envelope(const uint8_t* bytes) {
        uint64_t kind = 0;
        if (splitting::tags[bytes[0]].container != 1) return refuse("the message is not an array");
        if (fields_ == 0 || !read_unsigned(bytes + field_begin_[0], kind) ||
            (kind != request_kind && kind != notify_kind)) {
            return refuse("the message is neither a request nor a notify");
        }
        message_.notify = kind == notify_kind;
        const size_t method = message_.notify ? 1 : 2;
        if (fields_ <= method) return refuse("the message has no method");
        if (!message_.notify && !read_id(bytes, message_.id)) return refuse("the message id is not a uint32");
        const auto field_end = [&](size_t field) {
            return field + 1 < fields_ ? field_begin_[field + 1] : message_.size;
        };
        message_.method = {field_begin_[method], field_end(method)};
        if (!raw_payload(bytes, message_.method)) return refuse("the method name is not a string");
        message_.params = {message_.size, message_.size};
        message_.params_are_array = false;
        message_.arguments = 0;
        if (fields_ <= method + 1) return true;
        message_.params = {field_begin_[method + 1], field_end(method + 1)};
        if (splitting::tags[bytes[message_.params.begin]].container != 1) return true;
        message_.params_are_array = true;
        message_.arguments = arguments_ < Message::max_arguments ? arguments_ : Message::max_arguments;
        if (arguments_ <= Message::max_arguments) message_.argument_begin[arguments_] = message_.params.end;
        return true;
    }

    bool refuse(const char* reason) {
        reason_ = reason;
        return false;
    }

    bool read_id(const uint8_t* bytes, uint32_t& id) const {
        uint64_t value = 0;
        if (!read_unsigned(bytes + field_begin_[1], value) || value > UINT32_MAX) return false;
        id = static_cast<uint32_t>(value);
        return true;
    }

    // The value of an integer that is not negative, in any encoding; all of its bytes must be there.
    static bool read_unsigned(const uint8_t* p, uint64_t& value) {
        const uint8_t b = p[0];
        if (b < 0x80) {
            value = b;
            return true;
        }
        if (b < 0xcc || b > 0xd3) return false;
        const int bytes = 1 << (b & 3);
        value = big_endian(p + 1, bytes);
        return b < 0xd0 || (p[1] & 0x80) == 0;
    }

    // Narrows a raw value to its payload; false when it is another type.
    static bool raw_payload(const uint8_t* bytes, Message::Part& part) {
        const uint8_t b = bytes[part.begin];
        if (b >= 0xa0 && b < 0xc0) {
            part.begin += 1;
            return true;
        }
        const splitting::Tag tag = splitting::tags[b];
        if (tag.header < 2 || tag.container != 0) return false;
        part.begin += tag.header;
        return true;
    }

    void restart() {
        position_ = 0;
        depth_ = 0;
        finished_ = false;
        fields_ = 0;
        params_field_ = 0;
        arguments_ = 0;
    }

    const uint64_t max_bytes_;
    const size_t max_depth_;
    const char* reason_ = nullptr;

    uint64_t position_ = 0;  // of the next value to look at, from the message's first byte
    bool finished_ = false;  // the message ends at `position_`
    size_t depth_ = 0;       // open containers
    std::vector<uint64_t> left_;  // per open container, how many values are still to begin or to end

    size_t fields_ = 0;
    std::array<uint64_t, 5> field_begin_{};  // one more than an envelope has: where the last one ends
    size_t params_field_ = 0;
    size_t arguments_ = 0;
    Message message_;
};

}  // namespace duma::msgpack
