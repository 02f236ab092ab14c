// A graph as an index sees it: nodes numbered by their ids, and the edges that match a query side by side.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "graph/query.hpp"
#include "graph/topology.hpp"

namespace duma::graph {

// Ids in rising order; the number of an id is its place. Indexes of one update share theirs.
using Ids = std::shared_ptr<const std::vector<uint64_t>>;

// The number of an id, kNone if it has none.
inline uint32_t number_of(const Ids& ids, uint64_t id) {
    if (!ids) return kNone;
    const auto found = std::lower_bound(ids->begin(), ids->end(), id);
    return found != ids->end() && *found == id ? static_cast<uint32_t>(found - ids->begin()) : kNone;
}

// All nodes of a graph by number, those included that only edges name.
struct Numbering {
    explicit Numbering(const NodeList& nodes) : numbers(nodes.size(), kNone) {
        std::vector<std::pair<uint64_t, uint32_t>> records;
        records.reserve(nodes.size());
        for (uint32_t place = 0; place < nodes.size(); ++place)
            if (in_use(nodes[place])) records.emplace_back(nodes[place].id, place);
        if (!std::is_sorted(records.begin(), records.end())) std::sort(records.begin(), records.end());
        auto all = std::make_shared<std::vector<uint64_t>>();
        all->reserve(records.size());
        places.reserve(records.size());
        for (const auto& [id, place] : records) {
            numbers[place] = static_cast<uint32_t>(all->size());
            all->push_back(id);
            places.push_back(place);
        }
        ids = std::move(all);
    }

    size_t size() const { return ids->size(); }

    Ids ids;
    std::vector<uint32_t> places;   // in the table of nodes, by number
    std::vector<uint32_t> numbers;  // by place
};

// For each node a list of nodes.
class Neighbours {
public:
    Neighbours() : begin_(1) {}

    // The list of `node` has the second of all pairs whose first is `node`. `each(add)` calls add(first, second) for
    // every pair, and does so twice.
    template <class Each>
    Neighbours(size_t nodes, Each&& each) : begin_(nodes + 1) {
        each([&](uint32_t node, uint32_t) { ++begin_[node + 1]; });
        for (size_t i = 0; i < nodes; ++i) begin_[i + 1] += begin_[i];
        items_.resize(begin_[nodes]);
        std::vector<uint32_t> next(begin_.begin(), begin_.end() - 1);
        each([&](uint32_t node, uint32_t neighbour) { items_[next[node]++] = neighbour; });
    }

    struct List {
        const uint32_t *begin_, *end_;
        const uint32_t* begin() const { return begin_; }
        const uint32_t* end() const { return end_; }
        size_t size() const { return static_cast<size_t>(end_ - begin_); }
    };
    List operator[](uint32_t node) const { return {items_.data() + begin_[node], items_.data() + begin_[node + 1]}; }

    // The pairs turned round; every list is in rising order.
    Neighbours turned() const {
        const auto nodes = static_cast<uint32_t>(begin_.size() - 1);
        return Neighbours(nodes, [&](auto&& add) {
            for (uint32_t node = 0; node < nodes; ++node)
                for (const uint32_t neighbour : (*this)[node]) add(neighbour, node);
        });
    }

private:
    std::vector<uint32_t> begin_;  // of each list in `items_`; there are fewer than 2^32 edges
    std::vector<uint32_t> items_;
};

// The part of a graph that a query is about. A node that is not local matches every query, since nobody knows better.
// What is made of it depends on ids alone, not on places: a restart may change those.
class Adjacency {
public:
    Adjacency(const Numbering& numbering, const Topology& graph, const Query& query)
        : local(numbering.size()), matching(numbering.size()) {
        const Matching nodes(query.nodes, graph.properties().list()), edges(query.edges, graph.properties().list());
        for (uint32_t node = 0; node < numbering.size(); ++node) {
            const Node& record = graph.nodes()[numbering.places[node]];
            local[node] = record.local;
            matching[node] = !record.local || nodes[record.properties];
        }
        const Neighbours unordered(numbering.size(), [&](auto&& add) {
            for (size_t place = 0; place < graph.edges().size(); ++place) {
                const Edge& edge = graph.edges()[place];
                if (!in_use(edge) || !edges[edge.properties]) continue;
                const uint32_t source = numbering.numbers[edge.source], target = numbering.numbers[edge.target];
                if (matching[source] && matching[target]) add(source, target);
            }
        });
        sources_ = unordered.turned();
        targets_ = sources_.turned();
    }

    const Neighbours& targets() const { return targets_; }  // of the out-edges of each node
    const Neighbours& sources() const { return sources_; }  // of the in-edges of each node

    std::vector<char> local;     // by number
    std::vector<char> matching;  // by number

private:
    Neighbours targets_, sources_;
};

}  // namespace duma::graph
