// Shortest paths by landmarks: trees of shortest ways to and from a few nodes, and paths that go through one of them.
//
// A landmark's trees come from a breadth-first search each. A path from s to t goes from s to the landmark with the
// smallest sum of both distances and from there to t: it is never shorter than the shortest, and is one if some shortest
// path passes a landmark (M. Potamias, F. Bonchi, C. Castillo, A. Gionis: Fast shortest path distance estimation in large
// networks, CIKM 2009, section 3).
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "graph/adjacency.hpp"

namespace duma::graph {

// For each node its distance from the root, in edges, and the neighbour towards it; the root is its own. kNone: no way.
struct Tree {
    std::vector<uint32_t> distances, neighbours;  // by number
    uint64_t size = 0;                            // nodes with a distance
    uint32_t depth = 0;                           // the largest distance

    uint32_t distance(uint32_t node) const { return node < distances.size() ? distances[node] : kNone; }
};

// A node with trees. Never changed once it can be read.
struct Landmark {
    uint64_t id = 0;
    Ids ids;
    Tree from_root, to_root;
};

using Landmarks = std::vector<std::shared_ptr<const Landmark>>;

// The ways from `root` along `edges`, or against them to it: only local nodes are reached.
inline Tree search(uint32_t root, const Neighbours& edges, const std::vector<char>& local) {
    Tree tree;
    tree.distances.assign(local.size(), kNone);
    tree.neighbours.assign(local.size(), kNone);
    if (root == kNone) return tree;
    std::vector<uint32_t> reached{root};
    std::vector<bool> open(local.begin(), local.end());  // a bit for each node stays in the cache; what is in `tree` does not
    open[root] = false;
    tree.distances[root] = 0;
    tree.neighbours[root] = root;
    for (size_t i = 0; i < reached.size(); ++i) {
        const uint32_t node = reached[i];
        for (const uint32_t next : edges[node]) {
            if (!open[next]) continue;
            open[next] = false;
            tree.distances[next] = tree.distances[node] + 1;
            tree.neighbours[next] = node;
            reached.push_back(next);
        }
    }
    tree.depth = tree.distances[reached.back()];
    tree.size = reached.size();
    if (!local[root]) {  // it leads the way, but is not to be reached itself
        tree.distances[root] = tree.neighbours[root] = kNone;
        --tree.size;
    }
    return tree;
}

inline std::shared_ptr<const Landmark> searched(uint64_t id, const Adjacency& graph, const Ids& ids) {
    const uint32_t root = number_of(ids, id);
    return std::make_shared<const Landmark>(
        Landmark{id, ids, search(root, graph.targets(), graph.local), search(root, graph.sources(), graph.local)});
}

// The path from `source` to `target`, both included; empty if there is none. It is cut off where it would pass
// `most` nodes, as in Jubatus: behind the landmark, there, and the landmark itself may be one too many.
inline std::vector<uint64_t> find_path(const Landmarks& landmarks, uint64_t source, uint64_t target, uint64_t most) {
    const Landmark* best = nullptr;
    uint64_t least = UINT64_MAX;
    for (const auto& landmark : landmarks) {
        const uint32_t there = landmark->to_root.distance(number_of(landmark->ids, source));
        const uint32_t back = landmark->from_root.distance(number_of(landmark->ids, target));
        if (there == kNone || back == kNone || uint64_t{there} + back >= least) continue;
        least = uint64_t{there} + back;
        best = landmark.get();
    }
    std::vector<uint64_t> path;
    if (!best) return path;
    const std::vector<uint64_t>& ids = *best->ids;
    // Trees of a loaded file may lead anywhere, round and round as well: no true way is longer than there are nodes.
    const size_t longest = ids.size();
    for (uint32_t node = number_of(best->ids, source); ids[node] != best->id; node = best->to_root.neighbours[node]) {
        if (path.size() >= most) return path;
        if (best->to_root.distances[node] == kNone || path.size() > longest) return {};
        path.push_back(ids[node]);
        if (ids[node] == target) return path;
    }
    path.push_back(best->id);
    std::vector<uint64_t> rest;
    for (uint32_t node = number_of(best->ids, target); ids[node] != best->id; node = best->from_root.neighbours[node]) {
        if (path.size() + rest.size() >= most) return path;
        if (best->from_root.distances[node] == kNone || rest.size() > longest) return {};
        rest.push_back(ids[node]);
    }
    path.insert(path.end(), rest.rbegin(), rest.rend());
    return path;
}

}  // namespace duma::graph
