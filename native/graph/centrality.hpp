// Centrality: the eigenvector scores of PageRank, one step of the power iteration at a time.
//
// A score is the part of a random walk's time that is spent at a node, times the number of nodes. The walk follows an
// out-edge with probability d, the damping factor, and otherwise jumps (S. Brin, L. Page: The anatomy of a large-scale
// hypertextual web search engine, 1998, section 2.1). Here a walk that ends at a node without out-edges goes on anywhere,
// and so it does for nodes that were not there at the last step.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "graph/adjacency.hpp"

namespace duma::graph {

// What is known of each node since the last step. Never changed once it can be read.
struct Centrality {
    Ids ids;
    std::vector<double> scores;         // by number
    std::vector<uint32_t> out_degrees;  // by number; kNone: the node has no score
    uint64_t size = 0;                  // nodes with a score

    // The number of a node with a score, kNone if it has none.
    uint32_t find(uint64_t id) const {
        const uint32_t number = number_of(ids, id);
        return number != kNone && out_degrees[number] != kNone ? number : kNone;
    }
};

// One step: all new scores come from the old ones, and add up to the number of nodes.
inline Centrality next_step(const Centrality& old, const Adjacency& graph, const Ids& ids, double damping) {
    const auto nodes = static_cast<uint32_t>(ids->size());
    std::vector<double> gives(nodes, 0);  // the old score of each node, divided among its out-edges
    double stranded = 0;                  // scores of nodes without out-edges
    uint64_t added = 0;
    for (uint32_t i = 0; i < old.scores.size(); ++i)
        if (old.out_degrees[i] == 0) stranded += old.scores[i];
    const auto counts = [&](uint32_t node) { return graph.local[node] && graph.matching[node]; };
    const size_t had = old.scores.size();
    for (uint32_t node = 0, i = 0; node < nodes; ++node) {
        while (i < had && (*old.ids)[i] < (*ids)[node]) ++i;
        const bool known = i < had && (*old.ids)[i] == (*ids)[node] && old.out_degrees[i] != kNone;
        if (known && old.out_degrees[i] != 0) gives[node] = old.scores[i] / old.out_degrees[i];
        if (!known && counts(node)) ++added;
    }
    const auto all = static_cast<double>(old.size + added);
    double spread = stranded + static_cast<double>(added);
    if (all > 0) spread /= all;

    Centrality made{ids, std::vector<double>(nodes), std::vector<uint32_t>(nodes, kNone)};
    double total = 0;
    for (uint32_t node = 0; node < nodes; ++node) {
        if (!counts(node)) continue;
        double received = 0;
        for (const uint32_t source : graph.sources()[node]) received += gives[source];
        made.scores[node] = damping * received + 1 - damping + damping * spread;
        made.out_degrees[node] = static_cast<uint32_t>(graph.targets()[node].size());
        total += made.scores[node];
        ++made.size;
    }
    const double scale = static_cast<double>(made.size) / total;
    for (uint32_t node = 0; node < nodes; ++node)
        if (made.out_degrees[node] != kNone) made.scores[node] *= scale;
    return made;
}

}  // namespace duma::graph
