// Which buckets of lattices to look into, the likeliest first, when a point's own buckets hold too little.
//
// Lv, Josephson, Wang, Charikar, Li, "Multi-Probe LSH: Efficient Indexing for High-Dimensional Similarity Search", VLDB 2007,
// section 4: a probe shifts some coordinates of the point to a neighbouring cell, and costs the sum of the squared distances
// to these cells' borders.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

namespace duma::neighbors {

// The bucket of a lattice point of table `table`: FNV-1 over the little-endian bytes of the coordinates and of `table`.
inline uint64_t bucket_hash(const std::vector<int32_t>& point, uint32_t table) {
    uint64_t h = 14695981039346656037ull;
    const auto add = [&](uint32_t word) {
        for (int shift = 0; shift < 32; shift += 8) {
            h *= 1099511628211ull;
            h ^= word >> shift & 0xff;
        }
    };
    for (const int32_t coordinate : point) add(static_cast<uint32_t>(coordinate));
    add(table);
    return h;
}

// What lies beyond 32 bits, and what is no number, has the coordinate that x86 processors give it.
inline int32_t lattice_coordinate(float x) {
    const float floor = std::floor(x);
    if (!(floor >= -0x1p31f && floor < 0x1p31f)) return std::numeric_limits<int32_t>::min();
    return static_cast<int32_t>(floor);
}

class MultiProbe {
public:
    // `shifted` has the coordinates of a point in each of `tables` tables, one table behind the other.
    MultiProbe(const std::vector<float>& shifted, size_t tables) {
        const size_t n = tables == 0 ? 0 : shifted.size() / tables;
        for (uint32_t t = 0; t < tables; ++t) {
            Table table;
            for (size_t j = 0; j < n; ++j) {
                const float x = shifted[t * n + j], below = x - std::floor(x);
                table.base.push_back(lattice_coordinate(x));
                const auto coordinate = static_cast<int32_t>(j);
                table.moves.push_back({(1 - below) * (1 - below), coordinate});
                table.moves.push_back({below * below, -coordinate - 1});
            }
            // What is no number is not sorted but comes last.
            std::sort(table.moves.begin(), table.moves.end(), [](const Move& a, const Move& b) {
                const bool x = std::isnan(a.cost), y = std::isnan(b.cost);
                if (x || y) return x == y ? a.code < b.code : y;
                return a.cost < b.cost || (a.cost == b.cost && a.code < b.code);
            });
            if (!table.moves.empty()) probes_.push({table.moves[0].cost, t, {0}});
            tables_.push_back(std::move(table));
        }
    }

    size_t tables() const { return tables_.size(); }

    // The bucket of the point itself.
    uint64_t own(uint32_t table) const { return bucket_hash(tables_[table].base, table); }

    bool at_end() const { return probes_.empty(); }

    // The next bucket; there must be one.
    uint64_t next() {
        const Probe probe = probes_.top();
        probes_.pop();
        const Table& table = tables_[probe.table];
        const size_t last = probe.moves.back();
        if (last + 1 < table.moves.size()) {
            const double here = table.moves[last].cost, there = table.moves[last + 1].cost;
            Probe shifted{static_cast<float>(static_cast<double>(probe.cost) + there - here), probe.table, probe.moves};
            shifted.moves.back() = static_cast<uint32_t>(last + 1);
            probes_.push(std::move(shifted));
            Probe expanded{static_cast<float>(static_cast<double>(probe.cost) + there), probe.table, probe.moves};
            expanded.moves.push_back(static_cast<uint32_t>(last + 1));
            probes_.push(std::move(expanded));
        }
        std::vector<int32_t> point = table.base;
        for (const uint32_t position : probe.moves) {
            const int32_t code = table.moves[position].code;
            int32_t& coordinate = point[static_cast<size_t>(code >= 0 ? code : -code - 1)];
            coordinate = static_cast<int32_t>(static_cast<uint32_t>(coordinate) + (code >= 0 ? 1u : ~0u));
        }
        return bucket_hash(point, probe.table);
    }

private:
    struct Move {
        float cost;
        int32_t code;  // j: one up in coordinate j; -j-1: one down
    };
    struct Table {
        std::vector<int32_t> base;
        std::vector<Move> moves;  // the cheapest first
    };
    struct Probe {
        float cost;
        uint32_t table;
        std::vector<uint32_t> moves;  // ascending
    };
    struct Later {
        bool operator()(const Probe& a, const Probe& b) const {
            if (a.cost != b.cost && !(std::isnan(a.cost) && std::isnan(b.cost))) return std::isnan(a.cost) || a.cost > b.cost;
            return a.table != b.table ? a.table > b.table : a.moves > b.moves;
        }
    };

    std::vector<Table> tables_;
    std::priority_queue<Probe, std::vector<Probe>, Later> probes_;
};

}  // namespace duma::neighbors
