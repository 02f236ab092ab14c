// Reading a graph from a model file, whose form is in graph/saved.hpp. Whatever does not fit is refused.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/saved.hpp"
#include "model/loading.hpp"
#include "msgpack/reader.hpp"

namespace duma::graph {

class Loader {
public:
    Loader(msgpack::Reader& in, const Progress& progress) : in_(in), progress_(progress) {}

    // Fills an empty graph.
    void load(Topology& graph, Indexes& indexes) {
        structure(5, "a graph's data", [&] {
            load_nodes(graph);
            load_edges(graph);
            list_edges(graph);
            load_global_nodes(graph);
            graph_ = &graph;
            numbering_.emplace(graph.nodes());
            each_query([&](std::string query) {
                if (!indexes.centralities.emplace(std::move(query), load_centrality()).second) twice("a centrality query");
            });
            each_query([&](std::string query) {
                if (!indexes.paths.emplace(std::move(query), load_landmarks()).second) twice("a shortest path query");
            });
        });
    }

private:
    // A structure of at least `fields` fields; what follows them is ignored.
    template <class Read>
    void structure(uint32_t fields, const char* what, Read&& read) {
        const uint32_t n = in_.array();
        if (n < fields) throw msgpack::TypeMismatch(std::string(what) + " is an array of " + std::to_string(fields));
        read();
        for (uint32_t i = fields; i < n; ++i) in_.skip();
        report();
    }

    void report() {
        if (!progress_ || in_.position() - reported_ < kProgressBytes) return;
        reported_ = in_.position();
        progress_(reported_);
    }

    [[noreturn]] static void twice(const std::string& what) { throw msgpack::TypeMismatch(what + " stands twice in it"); }

    // A number of a table that can only be so large.
    uint32_t small(const char* what) {
        const uint64_t value = in_.unsigned_integer();
        if (value >= kNone) throw msgpack::TypeMismatch(std::string(what) + " is too large: " + std::to_string(value));
        return static_cast<uint32_t>(value);
    }

    void load_nodes(Topology& graph) {
        for (uint32_t n = in_.map(); n--;) {
            const uint64_t id = in_.unsigned_integer();
            if (!graph.add_local(id)) twice("the node " + std::to_string(id));
            structure(3, "a node", [&] {
                graph.set_node_properties(graph.find_node(id), read_properties(in_));
                const std::string_view in_edges = in_.skip(), out_edges = in_.skip();
                chains_.push_back({id, in_edges, out_edges});
            });
        }
    }

    void load_edges(Topology& graph) {
        for (uint32_t n = in_.map(); n--;) {
            const uint64_t id = in_.unsigned_integer();
            if (graph.find_edge(id) != kNone) twice("the edge " + std::to_string(id));
            structure(3, "an edge", [&] {
                std::string properties = read_properties(in_);
                const uint64_t source = in_.unsigned_integer(), target = in_.unsigned_integer();
                graph.add_edge(id, source, target, std::move(properties));
            });
        }
    }

    // Lists may name edges that are not there or belong to other nodes: Jubatus leaves such behind when it loads over a
    // model. They are passed over.
    void list_edges(Topology& graph) {
        for (const Chains& chains : chains_) {
            const uint32_t node = graph.find_node(chains.node);
            for (const auto& [list, side] : {std::pair(chains.in, &kIn), std::pair(chains.out, &kOut)}) {
                msgpack::Reader ids(list);
                for (uint32_t n = ids.array(); n--;) {
                    const uint32_t place = graph.find_edge(ids.unsigned_integer());
                    if (place == kNone) continue;
                    const Edge& edge = graph.edges()[place];
                    if (edge.*side->end == node && !(edge.*side->listed)) graph.list(place, *side);
                }
            }
        }
        chains_ = {};
    }

    void load_global_nodes(Topology& graph) {
        for (uint32_t n = in_.map(); n--;) {
            graph.add_global(in_.unsigned_integer());
            in_.skip();
        }
    }

    // A map from queries, whose values `read(query)` reads.
    template <class Read>
    void each_query(Read&& read) {
        for (uint32_t n = in_.map(); n--;) read(Query::read(in_).packed());
    }

    std::shared_ptr<const Centrality> load_centrality() {
        struct Row {
            uint64_t id;
            double score;
            uint32_t out_degree;
        };
        std::vector<Row> rows;
        for (uint32_t n = in_.map(); n--;) {
            Row row{in_.unsigned_integer(), 0, 0};
            structure(2, "a score", [&] {
                row.score = in_.real();
                row.out_degree = small("an out-degree");
            });
            rows.push_back(row);
        }
        std::vector<uint64_t> named;
        for (const Row& row : rows) named.push_back(row.id);
        auto table = std::make_shared<Centrality>();
        table->ids = ids_with(std::move(named));
        table->scores.resize(table->ids->size());
        table->out_degrees.assign(table->ids->size(), kNone);
        for (const Row& row : rows) {
            const uint32_t node = number(table->ids, row.id);
            if (table->out_degrees[node] != kNone) twice("the score of the node " + std::to_string(row.id));
            table->scores[node] = row.score;
            table->out_degrees[node] = row.out_degree;
        }
        table->size = rows.size();
        return table;
    }

    // A landmark that stands there twice, as Jubatus makes them, is taken once.
    Landmarks load_landmarks() {
        Landmarks landmarks;
        for (uint32_t n = in_.array(); n--;)
            structure(3, "a landmark", [&] {
                auto landmark = std::make_shared<Landmark>();
                landmark->id = in_.unsigned_integer();
                const std::vector<Way> from_root = load_ways(), to_root = load_ways();
                std::vector<uint64_t> named;
                for (const auto* ways : {&from_root, &to_root})
                    for (const Way& way : *ways) named.insert(named.end(), {way.node, way.neighbour});
                landmark->ids = ids_with(std::move(named));
                landmark->from_root = tree(from_root, landmark->ids);
                landmark->to_root = tree(to_root, landmark->ids);
                const auto same = [&](const auto& other) { return other->id == landmark->id; };
                if (std::none_of(landmarks.begin(), landmarks.end(), same)) landmarks.push_back(std::move(landmark));
            });
        return landmarks;
    }

    struct Way {
        uint64_t node, neighbour;
        uint32_t distance;
    };

    std::vector<Way> load_ways() {
        std::vector<Way> ways;
        for (uint32_t n = in_.map(); n--;) {
            Way way{in_.unsigned_integer(), 0, 0};
            structure(2, "a way", [&] {
                way.distance = small("a distance");
                way.neighbour = in_.unsigned_integer();
            });
            ways.push_back(way);
        }
        return ways;
    }

    Tree tree(const std::vector<Way>& ways, const Ids& ids) const {
        Tree made;
        made.distances.assign(ids->size(), kNone);
        made.neighbours.assign(ids->size(), kNone);
        for (const Way& way : ways) {
            const uint32_t node = number(ids, way.node);
            if (made.distances[node] != kNone) twice("the way of the node " + std::to_string(way.node));
            made.distances[node] = way.distance;
            made.neighbours[node] = number(ids, way.neighbour);
            made.depth = std::max(made.depth, way.distance);
        }
        made.size = ways.size();
        return made;
    }

    // The ids that the graph has, and these. Mostly that is no more: indexes share them then.
    Ids ids_with(std::vector<uint64_t> named) const {
        std::erase_if(named, [&](uint64_t id) { return graph_->find_node(id) != kNone; });
        if (named.empty()) return numbering_->ids;
        named.insert(named.end(), numbering_->ids->begin(), numbering_->ids->end());
        std::sort(named.begin(), named.end());
        named.erase(std::unique(named.begin(), named.end()), named.end());
        return std::make_shared<const std::vector<uint64_t>>(std::move(named));
    }

    // Where an id stands among them.
    uint32_t number(const Ids& ids, uint64_t id) const {
        return ids == numbering_->ids ? numbering_->numbers[graph_->find_node(id)] : number_of(ids, id);
    }

    // A node's lists, as they stand in the file.
    struct Chains {
        uint64_t node;
        std::string_view in, out;
    };

    msgpack::Reader& in_;
    const Progress& progress_;
    size_t reported_ = 0;
    std::vector<Chains> chains_;
    const Topology* graph_ = nullptr;     // once it is whole
    std::optional<Numbering> numbering_;  // of that
};

}  // namespace duma::graph
