// Feeds the splitter: the first two bytes choose how the rest is cut into pieces.
//
// A stream must end the same however it is cut, and every part that is told of must lie in its message. Each piece is
// shown in memory of exactly its size, so that AddressSanitizer sees a read beyond what has arrived.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "msgpack/splitter.hpp"
#include "msgpack/writer.hpp"

using namespace duma::msgpack;

namespace {

constexpr uint64_t max_bytes = 4096;

struct Outcome {
    std::string requests;  // one line of text for each
    std::string broken;
    bool operator==(const Outcome&) const = default;
};

void require(bool holds) {
    if (!holds) std::abort();
}

void tell(const Message& message, std::string& out) {
    const auto part = [&](uint64_t begin, uint64_t end) {
        require(begin <= end && end <= message.size);
        out += std::to_string(begin) + "-" + std::to_string(end) + " ";
    };
    out += message.notify ? "notify " : "request " + std::to_string(message.id) + " ";
    part(message.method.begin, message.method.end);
    part(message.params.begin, message.params.end);
    require(message.arguments <= Message::max_arguments);
    require(message.params_are_array || message.arguments == 0);
    for (size_t i = 0; i < message.arguments; ++i) part(message.argument_begin[i], message.argument_begin[i + 1]);
    out += '\n';
}

// The bytes of a stream that have arrived and are not used up, in memory of exactly their size.
std::unique_ptr<uint8_t[]> exactly(const uint8_t* bytes, size_t size) {
    auto copy = std::make_unique<uint8_t[]>(size);
    std::copy(bytes, bytes + size, copy.get());
    return copy;
}

Outcome split(const uint8_t* bytes, size_t size, size_t step, size_t growth) {
    Splitter splitter(max_bytes, 32);
    Outcome outcome;
    size_t start = 0;
    for (size_t arrived = 0; arrived < size;) {
        arrived = step > size - arrived ? size : arrived + step;
        step += growth;
        const auto piece = exactly(bytes + start, arrived - start);
        size_t done = 0;
        while (start + done < arrived) {
            const Splitter::State state = splitter.scan(piece.get() + done, arrived - start - done);
            if (state == Splitter::State::broken) {
                uint32_t id = 0;
                splitter.request_id(piece.get() + done, id);
                outcome.broken = splitter.broken_reason();
                return outcome;
            }
            if (state == Splitter::State::incomplete) break;
            require(splitter.message().size <= arrived - start - done && splitter.message().size <= max_bytes);
            tell(splitter.message(), outcome.requests);
            done += splitter.message().size;
        }
        start += done;
    }
    return outcome;
}

std::string packed(auto&& write) {
    Buffer buffer;
    Writer out(buffer);
    write(out);
    return buffer.bytes;
}

void pairs(auto& out, size_t n) {
    out.array(n);
    for (size_t i = 0; i < n; ++i) {
        out.array(2);
        out.raw("key" + std::to_string(i));
        if (i % 2) out.real(0.5 * static_cast<double>(i));
        else out.raw(std::string(i * 7, 'x'));
    }
}

}  // namespace

std::vector<std::string> seeds() {
    const std::string request = packed([](auto& out) {
        out.array(4);
        out.unsigned_integer(0);
        out.unsigned_integer(70000);
        out.raw("classify");
        out.array(2);
        out.raw("");
        out.array(2);
        pairs(out, 9);
        pairs(out, 20);
    });
    const std::string notify = packed([](auto& out) {
        out.array(3);
        out.unsigned_integer(2);
        out.raw("train");
        out.array(20);
        for (uint64_t i = 0; i < 19; ++i) out.unsigned_integer(1ull << (3 * i));
        out.map(1);
        out.nil();
        out.boolean(true);
    });
    const std::string deep = "\x94" + std::string("\0\1\xa1m", 4) + std::string(31, '\x91') + "\xc0";
    const std::string new_types = "\x93\x02\xd9\x01m\x92\xc4\x02xy\xc5" + std::string("\0\1z", 3);
    std::vector<std::string> all;
    for (const char* cut : {"\x01\x01", "\x07\x01", "\x40\x03"}) {
        for (const std::string& body : {request, notify, deep, new_types, request + notify + request}) all.push_back(cut + body);
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    const size_t step = 1u + data[0];
    const size_t growth = data[1] % 16;
    data += 2;
    size -= 2;
    require(split(data, size, step, growth) == split(data, size, size + 1, 0));
    return 0;
}
