// A model as it was at one moment, written piece by piece as the user data of a model file.
//
// It is a row of parts. Long ones are written some rows at a time; what they read is shared with the model, which copies
// what it changes meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "msgpack/writer.hpp"

namespace duma {

// The head of user data, `[version, what the engine keeps]`; the latter follows.
template <class Out>
void pack_user_data_head(Out& out) {
    out.array(2);
    out.unsigned_integer(1);
}

class SnapshotPart {
public:
    virtual ~SnapshotPart() = default;
    virtual uint32_t rows() const = 0;
    // Writes the rows from `begin` to before `end`.
    virtual void write(msgpack::Writer<msgpack::Buffer>& out, uint32_t begin, uint32_t end) const = 0;
    virtual void write(msgpack::Writer<msgpack::Counter>& out, uint32_t begin, uint32_t end) const = 0;
};

// A part whose write_row(out, row) is a template.
template <class Part>
class SnapshotRows : public SnapshotPart {
public:
    void write(msgpack::Writer<msgpack::Buffer>& out, uint32_t begin, uint32_t end) const override { each(out, begin, end); }
    void write(msgpack::Writer<msgpack::Counter>& out, uint32_t begin, uint32_t end) const override { each(out, begin, end); }

private:
    template <class Out>
    void each(Out& out, uint32_t begin, uint32_t end) const {
        for (uint32_t row = begin; row < end; ++row) static_cast<const Part&>(*this).write_row(out, row);
    }
};

class Snapshot {
public:
    Snapshot() = default;
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    // What write(out) writes, at once.
    template <class Write>
    void add_packed(Write&& write) {
        msgpack::Buffer buffer;
        msgpack::Writer out(buffer);
        write(out);
        parts_.push_back(std::make_unique<Packed>(std::move(buffer.bytes)));
    }

    void add(std::unique_ptr<SnapshotPart> part) { parts_.push_back(std::move(part)); }

    // Bytes of the whole.
    uint64_t size() const {
        msgpack::Counter counter;
        msgpack::Writer out(counter);
        for (const auto& part : parts_) part->write(out, 0, part->rows());
        return counter.bytes;
    }

    // The next piece, of about `target` bytes; empty at the end.
    std::string next(size_t target) {
        msgpack::Buffer buffer;
        buffer.bytes.reserve(target + target / 8);
        msgpack::Writer out(buffer);
        while (part_ < parts_.size() && buffer.bytes.size() < target) {
            const SnapshotPart& part = *parts_[part_];
            const uint32_t left = part.rows() - row_, rows = left < kRowsAtOnce ? left : kRowsAtOnce;
            part.write(out, row_, row_ + rows);
            row_ += rows;
            if (rows < left) continue;
            row_ = 0;
            ++part_;
        }
        return std::move(buffer.bytes);
    }

private:
    class Packed final : public SnapshotRows<Packed> {
    public:
        explicit Packed(std::string bytes) : bytes_(std::move(bytes)) {}
        uint32_t rows() const override { return 1; }
        template <class Out>
        void write_row(Out& out, uint32_t) const { out.packed(bytes_); }

    private:
        std::string bytes_;
    };

    static constexpr uint32_t kRowsAtOnce = 512;

    std::vector<std::unique_ptr<SnapshotPart>> parts_;
    size_t part_ = 0;
    uint32_t row_ = 0;
};

// Rows that a function writes, write(out, row) each; what it reads must be shared with the model.
template <class Write>
class WrittenRows final : public SnapshotRows<WrittenRows<Write>> {
public:
    WrittenRows(uint32_t n, Write write) : n_(n), write_(std::move(write)) {}
    uint32_t rows() const override { return n_; }
    template <class Out>
    void write_row(Out& out, uint32_t row) const { write_(out, row); }

private:
    uint32_t n_;
    Write write_;
};

template <class Write>
void add_rows(Snapshot& snapshot, uint32_t n, Write write) {
    snapshot.add(std::make_unique<WrittenRows<Write>>(n, std::move(write)));
}

}  // namespace duma
