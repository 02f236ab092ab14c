// Nodes and edges: compact records in tables that snapshots share.
//
// A record exists for every id that is a local node, is a global node or is named by an edge: an edge needs one local
// end only, the other may be anything. A node's in-edges and out-edges are chains through the edges themselves, in the
// order in which they were made. Places of removed records are used again.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/cow_array.hpp"
#include "graph/node_id.hpp"
#include "graph/places.hpp"
#include "graph/properties.hpp"

namespace duma::graph {

struct Node {
    uint64_t id = 0;
    uint32_t first_in = kNone, last_in = kNone, first_out = kNone, last_out = kNone;
    uint32_t in_degree = 0, out_degree = 0;
    uint32_t properties = Properties::kEmpty;
    uint32_t ends = 0;  // how many ends of edges it is
    bool local = false, global = false;
};

struct Edge {
    uint64_t id = 0;
    uint32_t source = kNone, target = kNone;  // places of nodes; kNone: nobody uses this record
    uint32_t next_in = kNone, previous_in = kNone, next_out = kNone, previous_out = kNone;
    uint32_t properties = Properties::kEmpty;
    bool in_listed = false, out_listed = false;  // whether it stands in its target's and in its source's chain
};

using NodeList = CowArray<Node, 512>;
using EdgeList = CowArray<Edge, 512>;

// One of the two chains that an edge can stand in.
struct Side {
    uint32_t Node::*first;
    uint32_t Node::*last;
    uint32_t Node::*degree;
    uint32_t Edge::*end;
    uint32_t Edge::*next;
    uint32_t Edge::*previous;
    bool Edge::*listed;
};
inline constexpr Side kIn{&Node::first_in, &Node::last_in, &Node::in_degree, &Edge::target, &Edge::next_in, &Edge::previous_in, &Edge::in_listed};
inline constexpr Side kOut{&Node::first_out, &Node::last_out, &Node::out_degree, &Edge::source, &Edge::next_out, &Edge::previous_out, &Edge::out_listed};

class Topology {
public:
    const NodeList& nodes() const { return nodes_; }
    const EdgeList& edges() const { return edges_; }
    const Properties& properties() const { return properties_; }
    uint64_t local_nodes() const { return local_nodes_; }
    uint64_t global_nodes() const { return global_nodes_; }
    uint64_t edge_count() const { return edge_count_; }

    NodeList share_nodes() { return nodes_.share(); }
    EdgeList share_edges() { return edges_.share(); }
    PropertyList share_properties() { return properties_.share(); }

    // The place of a node's record, kNone if there is none.
    uint32_t find_node(uint64_t id) const { return node_places_.find(id); }
    uint32_t find_local(uint64_t id) const {
        const uint32_t place = find_node(id);
        return place != kNone && nodes_[place].local ? place : kNone;
    }
    bool is_global(uint64_t id) const {
        const uint32_t place = find_node(id);
        return place != kNone && nodes_[place].global;
    }
    uint32_t find_edge(uint64_t id) const { return edge_places_.find(id); }
    // Whether a node or an edge has this id.
    bool is_taken(uint64_t id) const { return find_local(id) != kNone || is_global(id) || find_edge(id) != kNone; }

    // False if there is a local node with this id. The new one has no properties and is not global.
    bool add_local(uint64_t id) {
        Node& node = nodes_.mutable_at(node_record(id));
        if (node.local) return false;
        node.local = true;
        ++local_nodes_;
        return true;
    }

    void add_global(uint64_t id) {
        Node& node = nodes_.mutable_at(node_record(id));
        global_nodes_ += !node.global;
        node.global = true;
    }

    // A local node without edges in its chains becomes none.
    void remove_local(uint32_t place) {
        Node& node = nodes_.mutable_at(place);
        node.local = false;
        --local_nodes_;
        properties_.release(std::exchange(node.properties, properties_.add_empty()));
        drop_unused(place);
    }

    // False if it is no global node.
    bool remove_global(uint64_t id) {
        const uint32_t place = find_node(id);
        if (place == kNone || !nodes_[place].global) return false;
        nodes_.mutable_at(place).global = false;
        --global_nodes_;
        drop_unused(place);
        return true;
    }

    void set_node_properties(uint32_t place, std::string packed) {
        const uint32_t number = properties_.add(std::move(packed));
        properties_.release(std::exchange(nodes_.mutable_at(place).properties, number));
    }

    void set_edge_properties(uint32_t place, std::string packed) {
        const uint32_t number = properties_.add(std::move(packed));
        properties_.release(std::exchange(edges_.mutable_at(place).properties, number));
    }

    // Adds an edge whose id is new, in no chain yet; returns its place.
    uint32_t add_edge(uint64_t id, uint64_t source, uint64_t target, std::string properties) {
        const uint32_t from = node_record(source), to = node_record(target);
        const uint32_t place = take_place(edges_, free_edges_);
        Edge& edge = edges_.mutable_at(place);
        edge = Edge();
        edge.id = id;
        edge.source = from;
        edge.target = to;
        edge.properties = properties_.add(std::move(properties));
        ++nodes_.mutable_at(from).ends;
        ++nodes_.mutable_at(to).ends;
        edge_places_.insert(id, place);
        ++edge_count_;
        return place;
    }

    // Puts an edge at the end of the chain of its end, a local node, on one side.
    void list(uint32_t place, const Side& side) {
        Edge& edge = edges_.mutable_at(place);
        Node& node = nodes_.mutable_at(edge.*side.end);
        edge.*side.previous = node.*side.last;
        edge.*side.next = kNone;
        edge.*side.listed = true;
        if (node.*side.last == kNone) node.*side.first = place;
        else edges_.mutable_at(node.*side.last).*side.next = place;
        node.*side.last = place;
        ++(node.*side.degree);
    }

    void remove_edge(uint32_t place) {
        for (const Side& side : {kIn, kOut})
            if (edges_[place].*side.listed) unlist(place, side);
        Edge& edge = edges_.mutable_at(place);
        edge_places_.erase(edge.id);
        const uint32_t source = std::exchange(edge.source, kNone), target = std::exchange(edge.target, kNone);
        properties_.release(edge.properties);
        free_edges_.push_back(place);
        --edge_count_;
        for (const uint32_t end : {source, target}) --nodes_.mutable_at(end).ends;
        drop_unused(source);
        if (target != source) drop_unused(target);
    }

private:
    uint32_t node_record(uint64_t id) {
        const uint32_t known = find_node(id);
        if (known != kNone) return known;
        const uint32_t place = take_place(nodes_, free_nodes_);
        Node& node = nodes_.mutable_at(place);
        node = Node();
        node.id = id;
        node.properties = properties_.add_empty();
        node_places_.insert(id, place);
        return place;
    }

    void drop_unused(uint32_t place) {
        const Node& node = nodes_[place];
        if (node.local || node.global || node.ends > 0) return;
        properties_.release(node.properties);
        node_places_.erase(node.id);
        free_nodes_.push_back(place);
    }

    // Takes an edge out of a chain; the last one of the chain takes its place there, as in Jubatus.
    void unlist(uint32_t place, const Side& side) {
        const uint32_t owner = edges_[place].*side.end;
        const uint32_t last = nodes_[owner].*side.last;
        const uint32_t new_last = edges_[last].*side.previous;
        Node& node = nodes_.mutable_at(owner);
        node.*side.last = new_last;
        --(node.*side.degree);
        if (new_last == kNone) node.*side.first = kNone;
        else edges_.mutable_at(new_last).*side.next = kNone;
        edges_.mutable_at(place).*side.listed = false;
        if (last == place) return;
        const uint32_t before = edges_[place].*side.previous, after = edges_[place].*side.next;
        Edge& moved = edges_.mutable_at(last);
        moved.*side.previous = before;
        moved.*side.next = after;
        if (before == kNone) node.*side.first = last;
        else edges_.mutable_at(before).*side.next = last;
        if (after == kNone) node.*side.last = last;
        else edges_.mutable_at(after).*side.previous = last;
    }

    template <class List>
    static uint32_t take_place(List& list, std::vector<uint32_t>& free) {
        if (!free.empty()) {
            const uint32_t place = free.back();
            free.pop_back();
            return place;
        }
        if (list.size() >= kNone) throw std::length_error("the graph is full: there are 2^32 records");
        list.grow(list.size() + 1);
        return static_cast<uint32_t>(list.size() - 1);
    }

    NodeList nodes_;
    EdgeList edges_;
    Properties properties_;
    Places node_places_, edge_places_;
    std::vector<uint32_t> free_nodes_, free_edges_;
    uint64_t local_nodes_ = 0, global_nodes_ = 0, edge_count_ = 0;
};

// Whether a record of the table of nodes or of edges is in use.
inline bool in_use(const Node& node) { return node.local || node.global || node.ends > 0; }
inline bool in_use(const Edge& edge) { return edge.source != kNone; }

}  // namespace duma::graph
