// Writes MessagePack in the old types only (raw, never str8, bin or ext), each integer in its shortest form.
//
// Works on any sink with push(byte) and append(pointer, length); `Buffer` keeps the bytes, `Counter` only counts them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace duma::msgpack {

struct Buffer {
    std::string bytes;
    void push(uint8_t b) { bytes.push_back(static_cast<char>(b)); }
    void append(const void* p, size_t n) { bytes.append(static_cast<const char*>(p), n); }
};

struct Counter {
    uint64_t bytes = 0;
    void push(uint8_t) { ++bytes; }
    void append(const void*, size_t n) { bytes += n; }
};

template <class Sink>
class Writer {
public:
    explicit Writer(Sink& sink) : sink_(sink) {}

    void nil() { sink_.push(0xc0); }
    void boolean(bool v) { sink_.push(v ? 0xc3 : 0xc2); }

    void unsigned_integer(uint64_t v) {
        if (v < 0x80) sink_.push(static_cast<uint8_t>(v));
        else if (v <= 0xff) tagged<1>(0xcc, v);
        else if (v <= 0xffff) tagged<2>(0xcd, v);
        else if (v <= 0xffffffff) tagged<4>(0xce, v);
        else tagged<8>(0xcf, v);
    }

    void real(double v) { tagged<8>(0xcb, std::bit_cast<uint64_t>(v)); }
    void single(float v) { tagged<4>(0xca, std::bit_cast<uint32_t>(v)); }

    void array(size_t n) { sized(0x90, 0xdc, n); }
    void map(size_t n) { sized(0x80, 0xde, n); }

    void raw(std::string_view s) {
        if (s.size() < 32) sink_.push(static_cast<uint8_t>(0xa0 | s.size()));
        else if (s.size() <= 0xffff) tagged<2>(0xda, s.size());
        else tagged<4>(0xdb, s.size());
        sink_.append(s.data(), s.size());
    }

    // Bytes that are MessagePack already.
    void packed(std::string_view s) { sink_.append(s.data(), s.size()); }

private:
    template <int N>
    void tagged(uint8_t tag, uint64_t v) {
        uint8_t out[1 + N];
        out[0] = tag;
        for (int i = N; i; --i, v >>= 8) out[i] = static_cast<uint8_t>(v);
        sink_.append(out, sizeof out);
    }
    void sized(uint8_t fix, uint8_t tag16, size_t n) {
        if (n < 16) sink_.push(static_cast<uint8_t>(fix | n));
        else if (n <= 0xffff) tagged<2>(tag16, n);
        else tagged<4>(static_cast<uint8_t>(tag16 + 1), n);
    }

    Sink& sink_;
};

}  // namespace duma::msgpack
