// A growing array in blocks that a snapshot shares: a block is copied on the first write after a snapshot was taken,
// so taking one costs a pointer per block, whatever the array holds.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace duma {

template <class T, size_t BlockSize = 4096>
class CowArray {
    using Block = std::array<T, BlockSize>;

public:
    size_t size() const { return size_; }

    const T& operator[](size_t i) const { return (*blocks_[i / BlockSize].data)[i % BlockSize]; }

    T& mutable_at(size_t i) {
        Ref& ref = blocks_[i / BlockSize];
        if (ref.shared) unshare(ref);
        return (*ref.data)[i % BlockSize];
    }

    // Makes room up to `size`; what is new is T{}.
    void grow(size_t size) {
        while (blocks_.size() * BlockSize < size) blocks_.push_back({std::make_shared<Block>(), false});
        if (size > size_) size_ = size;
    }

    // Forgets what stands from `size` on; the room stays, and with it what it held.
    void shrink(size_t size) {
        if (size < size_) size_ = size;
    }

    void clear() {
        blocks_.clear();
        size_ = 0;
    }

    // Like clear(), but the room stays, and with it what it held: for arrays whose every element is written when added.
    void rewind() { size_ = 0; }

    // The same contents for a reader; from now on each block is copied before it is written.
    CowArray share() {
        for (Ref& ref : blocks_) ref.shared = true;
        return *this;
    }

private:
    struct Ref {
        std::shared_ptr<Block> data;
        bool shared;
    };

    static void unshare(Ref& ref) {
        if (ref.data.use_count() > 1) ref.data = std::make_shared<Block>(*ref.data);
        ref.shared = false;
    }

    std::vector<Ref> blocks_;
    size_t size_ = 0;
};

}  // namespace duma
