// The farthest of several points, in an order that is fixed also where distances are equal: the one in which the partial
// sort of GNU's C++ library leaves them, since later draws depend on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace duma::clustering {

struct Far {
    double distance;
    uint32_t index;
};

namespace selection {

inline bool before(const Far& a, const Far& b) { return a.distance > b.distance; }

// Puts `value` into the heap of `size` whose place `hole` is free: the hole goes down to a leaf, then the value up.
inline void fill_hole(std::vector<Far>& heap, size_t hole, size_t size, Far value) {
    const size_t top = hole;
    size_t child = hole;
    while (size > 0 && child < (size - 1) / 2) {
        child = 2 * (child + 1);
        if (before(heap[child], heap[child - 1])) --child;
        heap[hole] = heap[child];
        hole = child;
    }
    if (size >= 2 && size % 2 == 0 && child == (size - 2) / 2) {
        child = 2 * child + 1;
        heap[hole] = heap[child];
        hole = child;
    }
    while (hole > top && before(heap[(hole - 1) / 2], value)) {
        heap[hole] = heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    heap[hole] = value;
}

}  // namespace selection

// Keeps the `count` farthest points (at least 1, at most all), farthest first.
inline void keep_farthest(std::vector<Far>& points, size_t count) {
    for (size_t parent = count / 2; parent-- > 0;) selection::fill_hole(points, parent, count, points[parent]);
    for (size_t i = count; i < points.size(); ++i)
        if (selection::before(points[i], points[0])) {
            const Far value = points[i];
            points[i] = points[0];
            selection::fill_hole(points, 0, count, value);
        }
    for (size_t last = count; last-- > 1;) {
        const Far value = points[last];
        points[last] = points[0];
        selection::fill_hole(points, 0, last, value);
    }
    points.resize(count);
}

}  // namespace duma::clustering
