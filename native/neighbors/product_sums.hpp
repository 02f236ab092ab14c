// One search's sums of products by slot, all 0 between searches. Slots are in blocks, so that a search looks only at what it
// has touched.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace duma::neighbors {

struct ProductSums {
    static constexpr uint32_t kBlock = 256;

    std::vector<double> dots;
    std::vector<uint8_t> touched;  // by slot; only where it is asked for
    std::vector<uint8_t> blocks;

    void fit(size_t slots) {
        const size_t n = (slots + kBlock - 1) / kBlock;
        if (blocks.size() == n) return;
        dots.resize(n * kBlock);
        touched.resize(n * kBlock);
        blocks.resize(n);  // last: it says how far the others go
    }

    template <class Visit>
    void each_touched(uint32_t slots, Visit&& visit) const {
        for (uint32_t block = 0; block < blocks.size(); ++block) {
            if (!blocks[block]) continue;
            const uint32_t end = std::min(slots, (block + 1) * kBlock);
            for (uint32_t slot = block * kBlock; slot < end; ++slot) visit(slot);
        }
    }

    // Makes all 0 again, for the next one.
    void clean() {
        for (size_t block = 0; block < blocks.size(); ++block) {
            if (!blocks[block]) continue;
            blocks[block] = 0;
            std::fill_n(dots.begin() + static_cast<ptrdiff_t>(block * kBlock), kBlock, 0.0);
            std::fill_n(touched.begin() + static_cast<ptrdiff_t>(block * kBlock), kBlock, uint8_t{0});
        }
    }

    // Whatever ends a search, its room is clean for the next.
    struct Cleaning {
        ProductSums& sums;
        ~Cleaning() { sums.clean(); }
    };
};

}  // namespace duma::neighbors
