// Reads MessagePack values from bytes that nobody has checked yet.
//
// Every read is held against what is left of the input; what does not fit is an exception, never a stray read.
// Old and new types are accepted: raw, str8 and bin are all "raw"; integers pass where a double is wanted.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace duma::msgpack {

// A well-formed value of another type than the one asked for.
struct TypeMismatch : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Bytes that are not MessagePack, end too early or nest too deep.
struct Malformed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline uint64_t big_endian(const uint8_t* p, int n) {
    uint64_t v = 0;
    while (n--) v = v << 8 | *p++;
    return v;
}

inline uint64_t big_endian64(const uint8_t* p) {
    uint64_t v;
    std::memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

class Reader {
public:
    explicit Reader(std::string_view bytes)
        : begin_(reinterpret_cast<const uint8_t*>(bytes.data())), p_(begin_), end_(begin_ + bytes.size()) {}

    size_t position() const { return static_cast<size_t>(p_ - begin_); }
    size_t left() const { return static_cast<size_t>(end_ - p_); }
    bool at_end() const { return p_ == end_; }

    // Passes over the header of an array of exactly two; false (and still in front of it) if something else stands there.
    [[gnu::always_inline]] bool pair() {
        if (p_ != end_ && *p_ == 0x92) [[likely]] {
            ++p_;
            return true;
        }
        const uint8_t* from = p_;
        if (array() == 2) return true;
        p_ = from;
        return false;
    }

    // The number of elements of an array. Each takes a byte at least, so a count beyond what is left is refused
    // before anybody makes room for it.
    uint32_t array() {
        const uint8_t b = byte();
        if ((b & 0xf0) == 0x90) return checked_count(b & 0x0f, 1);
        if (b == 0xdc) return checked_count(length(2), 1);
        if (b == 0xdd) return checked_count(length(4), 1);
        throw TypeMismatch("an array was expected");
    }

    // The number of pairs of a map.
    uint32_t map() {
        const uint8_t b = byte();
        if ((b & 0xf0) == 0x80) return checked_count(b & 0x0f, 2);
        if (b == 0xde) return checked_count(length(2), 2);
        if (b == 0xdf) return checked_count(length(4), 2);
        throw TypeMismatch("a map was expected");
    }

    [[gnu::always_inline]] std::string_view raw() {
        if (p_ != end_ && (*p_ & 0xe0) == 0xa0) [[likely]] return take(*p_++ & 0x1f);
        return long_raw();
    }

private:
    [[gnu::noinline]] std::string_view long_raw() {
        const uint8_t b = byte();
        switch (b) {
            case 0xd9: case 0xc4: return take(length(1));
            case 0xda: case 0xc5: return take(length(2));
            case 0xdb: case 0xc6: return take(length(4));
            default: throw TypeMismatch("a string was expected");
        }
    }

public:
    [[gnu::always_inline]] double real() {
        if (left() >= 9 && *p_ == 0xcb) [[likely]] {
            const uint64_t bits = big_endian64(p_ + 1);
            p_ += 9;
            return std::bit_cast<double>(bits);
        }
        return other_real();
    }

private:
    [[gnu::noinline]] double other_real() {
        const uint8_t b = byte();
        if (b == 0xcb) return std::bit_cast<double>(fixed(8));
        if (b == 0xca) return static_cast<double>(std::bit_cast<float>(length(4)));
        return integer_as_double(b);
    }

public:
    uint64_t unsigned_integer() {
        const uint8_t b = byte();
        if (b < 0x80) return b;
        switch (b) {
            case 0xcc: return fixed(1);
            case 0xcd: return fixed(2);
            case 0xce: return fixed(4);
            case 0xcf: return fixed(8);
            case 0xd0: case 0xd1: case 0xd2: case 0xd3: {
                const int64_t v = signed_fixed(b);
                if (v < 0) throw TypeMismatch("an integer of at least 0 was expected");
                return static_cast<uint64_t>(v);
            }
            default: break;
        }
        throw TypeMismatch("an integer of at least 0 was expected");
    }

    bool boolean() {
        const uint8_t b = byte();
        if (b != 0xc2 && b != 0xc3) throw TypeMismatch("true or false was expected");
        return b == 0xc3;
    }

    // Passes over one value of any type, nested at most `depth` containers deep, and returns its bytes.
    std::string_view skip(int depth = 64) {
        const uint8_t* from = p_;
        skip_value(depth);
        return {reinterpret_cast<const char*>(from), static_cast<size_t>(p_ - from)};
    }

private:
    [[gnu::always_inline]] void need(size_t n) const {
        if (left() < n) [[unlikely]] refuse();
    }
    [[noreturn, gnu::noinline]] static void refuse() { throw Malformed("insufficient bytes"); }
    uint8_t byte() {
        need(1);
        return *p_++;
    }
    uint64_t fixed(int n) {
        need(static_cast<size_t>(n));
        const uint64_t v = big_endian(p_, n);
        p_ += n;
        return v;
    }
    uint32_t length(int n) { return static_cast<uint32_t>(fixed(n)); }
    uint32_t checked_count(uint32_t n, size_t bytes_each) const {
        if (n > left() / bytes_each) throw Malformed("insufficient bytes");
        return n;
    }
    [[gnu::always_inline]] std::string_view take(size_t n) {
        need(n);
        std::string_view s(reinterpret_cast<const char*>(p_), n);
        p_ += n;
        return s;
    }
    int64_t signed_fixed(uint8_t b) {
        switch (b) {
            case 0xd0: return static_cast<int8_t>(fixed(1));
            case 0xd1: return static_cast<int16_t>(fixed(2));
            case 0xd2: return static_cast<int32_t>(fixed(4));
            default: return static_cast<int64_t>(fixed(8));
        }
    }
    double integer_as_double(uint8_t b) {
        if (b < 0x80) return b;
        if (b >= 0xe0) return static_cast<int8_t>(b);
        switch (b) {
            case 0xcc: return static_cast<double>(fixed(1));
            case 0xcd: return static_cast<double>(fixed(2));
            case 0xce: return static_cast<double>(fixed(4));
            case 0xcf: return static_cast<double>(fixed(8));
            case 0xd0: case 0xd1: case 0xd2: case 0xd3: return static_cast<double>(signed_fixed(b));
            default: throw TypeMismatch("a number was expected");
        }
    }
    void skip_value(int depth) {
        const uint8_t b = byte();
        if (b < 0x80 || b >= 0xe0 || b == 0xc0 || b == 0xc2 || b == 0xc3) return;
        if ((b & 0xf0) == 0x90) return skip_values(b & 0x0f, depth);
        if ((b & 0xf0) == 0x80) return skip_values(2u * (b & 0x0f), depth);
        if ((b & 0xe0) == 0xa0) { take(b & 0x1f); return; }
        switch (b) {
            case 0xcc: case 0xd0: take(1); return;
            case 0xcd: case 0xd1: take(2); return;
            case 0xca: case 0xce: case 0xd2: take(4); return;
            case 0xcb: case 0xcf: case 0xd3: take(8); return;
            case 0xd9: case 0xc4: take(length(1)); return;
            case 0xda: case 0xc5: take(length(2)); return;
            case 0xdb: case 0xc6: take(length(4)); return;
            case 0xdc: return skip_values(length(2), depth);
            case 0xdd: return skip_values(length(4), depth);
            case 0xde: return skip_values(2ull * length(2), depth);
            case 0xdf: return skip_values(2ull * length(4), depth);
            default: throw Malformed("parse error");
        }
    }
    void skip_values(uint64_t n, int depth) {
        if (depth <= 0) throw Malformed("nested too deep");
        if (n > left()) throw Malformed("insufficient bytes");
        while (n--) skip_value(depth - 1);
    }

    const uint8_t* begin_;
    const uint8_t* p_;
    const uint8_t* end_;
};

}  // namespace duma::msgpack
