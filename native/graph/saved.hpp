// A graph in a model file:
//
//   [{id: [properties, [in-edge id...], [out-edge id...]]}, {edge id: [properties, source, target]}, {global node id: 0},
//    {query: {id: [score, out-degree]}}, {query: [[landmark, from root, to root]...]}]
//   properties = {text: text}; from root, to root = {id: [distance, neighbour]}
//
// A query is a key as it is: [[[key, value]...], [[key, value]...]].
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/centrality.hpp"
#include "graph/paths.hpp"
#include "graph/query.hpp"
#include "graph/topology.hpp"
#include "model/snapshot.hpp"

namespace duma::graph {

// What was made of the graph for each registered query, by the query's MessagePack.
struct Indexes {
    std::map<std::string, std::shared_ptr<const Centrality>> centralities;
    std::map<std::string, Landmarks> paths;
};

class NodeRows final : public SnapshotRows<NodeRows> {
public:
    NodeRows(NodeList nodes, EdgeList edges, PropertyList properties)
        : nodes_(std::move(nodes)), edges_(std::move(edges)), properties_(std::move(properties)) {}

    uint32_t rows() const override { return static_cast<uint32_t>(nodes_.size()); }

    template <class Out>
    void write_row(Out& out, uint32_t place) const {
        const Node& node = nodes_[place];
        if (!node.local) return;
        out.unsigned_integer(node.id);
        out.array(3);
        out.packed(*properties_[node.properties]);
        write_chain(out, node, edges_, kIn);
        write_chain(out, node, edges_, kOut);
    }

    template <class Out>
    static void write_chain(Out& out, const Node& node, const EdgeList& edges, const Side& side) {
        out.array(node.*side.degree);
        for (uint32_t place = node.*side.first; place != kNone; place = edges[place].*side.next)
            out.unsigned_integer(edges[place].id);
    }

private:
    NodeList nodes_;
    EdgeList edges_;
    PropertyList properties_;
};

class EdgeRows final : public SnapshotRows<EdgeRows> {
public:
    EdgeRows(NodeList nodes, EdgeList edges, PropertyList properties)
        : nodes_(std::move(nodes)), edges_(std::move(edges)), properties_(std::move(properties)) {}

    uint32_t rows() const override { return static_cast<uint32_t>(edges_.size()); }

    template <class Out>
    void write_row(Out& out, uint32_t place) const {
        const Edge& edge = edges_[place];
        if (!in_use(edge)) return;
        out.unsigned_integer(edge.id);
        out.array(3);
        out.packed(*properties_[edge.properties]);
        out.unsigned_integer(nodes_[edge.source].id);
        out.unsigned_integer(nodes_[edge.target].id);
    }

private:
    NodeList nodes_;
    EdgeList edges_;
    PropertyList properties_;
};

class GlobalRows final : public SnapshotRows<GlobalRows> {
public:
    explicit GlobalRows(NodeList nodes) : nodes_(std::move(nodes)) {}

    uint32_t rows() const override { return static_cast<uint32_t>(nodes_.size()); }

    template <class Out>
    void write_row(Out& out, uint32_t place) const {
        if (!nodes_[place].global) return;
        out.unsigned_integer(nodes_[place].id);
        out.unsigned_integer(0);
    }

private:
    NodeList nodes_;
};

class CentralityRows final : public SnapshotRows<CentralityRows> {
public:
    explicit CentralityRows(std::shared_ptr<const Centrality> table) : table_(std::move(table)) {}

    uint32_t rows() const override { return static_cast<uint32_t>(table_->scores.size()); }

    template <class Out>
    void write_row(Out& out, uint32_t node) const {
        if (table_->out_degrees[node] == kNone) return;
        out.unsigned_integer((*table_->ids)[node]);
        out.array(2);
        out.real(table_->scores[node]);
        out.unsigned_integer(table_->out_degrees[node]);
    }

private:
    std::shared_ptr<const Centrality> table_;
};

class TreeRows final : public SnapshotRows<TreeRows> {
public:
    TreeRows(std::shared_ptr<const Landmark> landmark, Tree Landmark::*tree) : landmark_(std::move(landmark)), tree_(tree) {}

    uint32_t rows() const override { return static_cast<uint32_t>((*landmark_.*tree_).distances.size()); }

    template <class Out>
    void write_row(Out& out, uint32_t node) const {
        const Tree& tree = *landmark_.*tree_;
        if (tree.distances[node] == kNone) return;
        const std::vector<uint64_t>& ids = *landmark_->ids;
        out.unsigned_integer(ids[node]);
        out.array(2);
        out.unsigned_integer(tree.distances[node]);
        out.unsigned_integer(ids[tree.neighbours[node]]);
    }

private:
    std::shared_ptr<const Landmark> landmark_;
    Tree Landmark::*tree_;
};

inline void add_to(Snapshot& snapshot, Topology& graph, const Indexes& indexes) {
    const NodeList nodes = graph.share_nodes();
    const EdgeList edges = graph.share_edges();
    const PropertyList properties = graph.share_properties();
    const auto header = [&](uint64_t entries) { snapshot.add_packed([&](auto& out) { out.map(entries); }); };
    snapshot.add_packed([](auto& out) { out.array(5); });
    header(graph.local_nodes());
    snapshot.add(std::make_unique<NodeRows>(nodes, edges, properties));
    header(graph.edge_count());
    snapshot.add(std::make_unique<EdgeRows>(nodes, edges, properties));
    header(graph.global_nodes());
    snapshot.add(std::make_unique<GlobalRows>(nodes));
    header(indexes.centralities.size());
    for (const auto& [query, table] : indexes.centralities) {
        snapshot.add_packed([&query = query, &table = table](auto& out) {
            out.packed(query);
            out.map(table->size);
        });
        snapshot.add(std::make_unique<CentralityRows>(table));
    }
    header(indexes.paths.size());
    for (const auto& [query, landmarks] : indexes.paths) {
        snapshot.add_packed([&query = query, &landmarks = landmarks](auto& out) {
            out.packed(query);
            out.array(landmarks.size());
        });
        for (const auto& landmark : landmarks) {
            snapshot.add_packed([&landmark = landmark](auto& out) {
                out.array(3);
                out.unsigned_integer(landmark->id);
                out.map(landmark->from_root.size);
            });
            snapshot.add(std::make_unique<TreeRows>(landmark, &Landmark::from_root));
            header(landmark->to_root.size);
            snapshot.add(std::make_unique<TreeRows>(landmark, &Landmark::to_root));
        }
    }
}

}  // namespace duma::graph
