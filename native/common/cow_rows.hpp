// Rows of equal width side by side in memory, in blocks that a snapshot shares: like CowArray, for a width that is known
// when the program runs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace duma {

template <class T>
class CowRows {
public:
    // `width` elements per row.
    explicit CowRows(size_t width) : width_(width), rows_per_block_(rows_per_block(width)) {}

    size_t size() const { return size_; }
    size_t width() const { return width_; }

    const T* operator[](size_t row) const { return blocks_[row / rows_per_block_].data.get() + row % rows_per_block_ * width_; }

    T* mutable_at(size_t row) {
        Ref& ref = blocks_[row / rows_per_block_];
        if (ref.shared) unshare(ref);
        return ref.data.get() + row % rows_per_block_ * width_;
    }

    // Adds a row of T{}.
    void add() {
        if (size_ == blocks_.size() * rows_per_block_) blocks_.push_back({std::make_shared<T[]>(rows_per_block_ * width_), false});
        else std::fill_n(mutable_at(size_), width_, T{});
        ++size_;
    }

    // Takes a row away; the last one moves to its place.
    void remove(size_t row) {
        const size_t last = size_ - 1;
        if (row != last) std::copy_n((*this)[last], width_, mutable_at(row));
        size_ = last;
        while (blocks_.size() * rows_per_block_ >= size_ + 2 * rows_per_block_) blocks_.pop_back();
    }

    void clear() {
        blocks_.clear();
        size_ = 0;
    }

    // The same rows for a reader; from now on each block is copied before it is written.
    CowRows share() {
        for (Ref& ref : blocks_) ref.shared = true;
        return *this;
    }

    // Calls visit(rows, first, n) for the `n` rows from `first` on that lie side by side, until all from `begin` to before
    // `end` were visited in order.
    template <class Visit>
    void each_run(size_t begin, size_t end, Visit&& visit) const {
        while (begin < end) {
            const size_t n = std::min(end - begin, rows_per_block_ - begin % rows_per_block_);
            visit((*this)[begin], begin, n);
            begin += n;
        }
    }

private:
    struct Ref {
        std::shared_ptr<T[]> data;
        bool shared;
    };

    static size_t rows_per_block(size_t width) {
        constexpr size_t kBlockBytes = 64 * 1024;
        size_t rows = 1024;
        while (rows > 1 && rows * width * sizeof(T) > kBlockBytes) rows /= 2;
        return rows;
    }

    void unshare(Ref& ref) {
        if (ref.data.use_count() > 1) {
            const size_t n = rows_per_block_ * width_;
            auto copy = std::make_shared_for_overwrite<T[]>(n);
            std::copy_n(ref.data.get(), n, copy.get());
            ref.data = std::move(copy);
        }
        ref.shared = false;
    }

    size_t width_, rows_per_block_;
    std::vector<Ref> blocks_;
    size_t size_ = 0;
};

}  // namespace duma
