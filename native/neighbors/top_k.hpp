// The best `k` of many, found in one pass.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace duma::neighbors {

// `Before` is a total order, best first, so the result does not depend on the order in which items come.
template <class Item, class Before>
class TopK {
public:
    explicit TopK(size_t k, Before before = {}) : k_(k), before_(before) {}

    bool empty() const { return heap_.empty(); }
    bool full() const { return heap_.size() >= k_; }
    // The item that goes when a better one comes; there must be one.
    const Item& worst() const { return heap_.front(); }

    void offer(const Item& item) {
        if (heap_.size() < k_) {
            heap_.push_back(item);
            std::push_heap(heap_.begin(), heap_.end(), before_);
        } else if (k_ > 0 && before_(item, heap_.front())) {
            std::pop_heap(heap_.begin(), heap_.end(), before_);
            heap_.back() = item;
            std::push_heap(heap_.begin(), heap_.end(), before_);
        }
    }

    void merge(const TopK& other) {
        for (const Item& item : other.heap_) offer(item);
    }

    // The items, best first. The selection is empty then.
    std::vector<Item> sorted() {
        std::sort_heap(heap_.begin(), heap_.end(), before_);
        return std::exchange(heap_, {});
    }

private:
    size_t k_;
    Before before_;
    std::vector<Item> heap_;  // the worst in front
};

}  // namespace duma::neighbors
