// The order in which Jubatus' hash tables iterate (std::tr1::unordered_map of GCC before version 6).
//
// It decides ties between labels and the order of a combination feature's two names, so answers depend on it. Buckets
// are lists that grow at the front; a full table moves its entries, in iteration order, to the next size.
#pragma once

#include <array>
#include <cstdint>
#include <cstddef>
#include <deque>
#include <string_view>
#include <vector>

namespace duma {

// FNV-1a, 64 bits, over bytes taken as signed (as `char` is on x86).
inline uint64_t fnv1a(std::string_view s) {
    uint64_t h = 14695981039346656037ull;
    for (const char c : s) {
        h ^= static_cast<uint64_t>(static_cast<int64_t>(static_cast<signed char>(c)));
        h *= 1099511628211ull;
    }
    return h;
}

// Inserts entries with these hashes in this order into an empty table; returns their indices in iteration order.
inline std::vector<size_t> reference_order(const std::vector<uint64_t>& hashes) {
    static constexpr std::array<size_t, 20> sizes = {11,     23,     47,      97,      199,     409,     823,
                                                     1741,   3739,   7517,    15173,   30727,   62233,   126271,
                                                     256279, 520241, 1056323, 2144977, 4355707, 8844859};
    size_t step = 0;
    std::vector<std::deque<size_t>> buckets(sizes[0]);
    const auto iterate = [&] {
        std::vector<size_t> order;
        order.reserve(hashes.size());
        for (const auto& bucket : buckets) order.insert(order.end(), bucket.begin(), bucket.end());
        return order;
    };
    for (size_t i = 0; i < hashes.size(); ++i) {
        if (i + 1 > buckets.size() && step + 1 < sizes.size()) {
            const std::vector<size_t> moved = iterate();
            buckets.assign(sizes[++step], {});
            for (const size_t entry : moved) buckets[hashes[entry] % buckets.size()].push_front(entry);
        }
        buckets[hashes[i] % buckets.size()].push_front(i);
    }
    return iterate();
}

}  // namespace duma
