// The graph engine's model: calls on MessagePack, and who may do what at the same time.
//
// An update holds `updates_` for all of its time and `mutex_` while it changes what analyses read. What `update_index`
// computes it computes beside the indexes that are read, without `mutex_`, and then puts in their place: analyses go on,
// and see the old ones until then.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/lock.hpp"
#include "common/status.hpp"
#include "graph/adjacency.hpp"
#include "graph/arguments.hpp"
#include "graph/centrality.hpp"
#include "graph/loading.hpp"
#include "graph/node_id.hpp"
#include "graph/paths.hpp"
#include "graph/query.hpp"
#include "graph/saved.hpp"
#include "graph/topology.hpp"
#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma::graph {

struct Settings {
    double damping_factor;
    uint64_t landmarks;  // at most so many for each query
};

class Graph {
public:
    explicit Graph(const Settings& settings) : settings_(settings) {}

    // Whether a call may run code outside of the core.
    bool calls_back() const { return false; }

    // How much there is to do, for whoever wonders whether a call is long. Any thread may ask at any time.
    uint64_t size() const { return size_; }                      // nodes and edges
    uint64_t largest_degree() const { return largest_degree_; }  // that any node had since the graph was empty
    uint64_t longest_way() const { return longest_way_; }        // to or from a landmark

    uint64_t create_node() {
        const Update update(*this);
        const uint64_t id = take_id();
        add_node(id);
        return id;
    }

    void create_node_here(std::string_view packed_id) {
        const std::string_view text = raw(packed_id);
        const Update update(*this);
        add_node(parse_node_id(text));
    }

    void update_node(std::string_view packed_id, std::string_view packed_properties) {
        const std::string_view text = raw(packed_id);
        msgpack::Reader in(packed_properties);
        std::string properties = read_properties(in);
        const Update update(*this);
        const uint32_t place = local(text, "update_node");
        graph_.set_node_properties(place, std::move(properties));
        offer_landmark(place);
    }

    // That the node is no global one any more is an error, but it is removed all the same: in a cluster another server
    // may have said so before.
    void remove_node(std::string_view packed_id) {
        const std::string_view text = raw(packed_id);
        const Update update(*this);
        const uint32_t place = local(text, "remove_node");
        const Node& node = graph_.nodes()[place];
        const uint64_t id = node.id;
        if (node.in_degree > 0 || node.out_degree > 0)
            throw GraphError("graph_wo_index::remove_node node id=" + std::to_string(id) + " cannot be removed because it has edges");
        graph_.remove_local(place);
        remove_global(id);
    }

    void remove_global_node(std::string_view packed_id) {
        const std::string_view text = raw(packed_id);
        const Update update(*this);
        remove_global(parse_node_id(text));
    }

    // The id is used up even if the edge cannot be made, as in Jubatus.
    uint64_t create_edge(std::string_view packed_edge) {
        EdgeArgument edge(packed_edge);
        const Update update(*this);
        const uint64_t id = take_id();
        add_edge(id, std::move(edge));
        return id;
    }

    void create_edge_here(uint64_t id, std::string_view packed_edge) {
        EdgeArgument edge(packed_edge);
        const Update update(*this);
        add_edge(id, std::move(edge));
    }

    // Only the properties; the ends stay.
    void update_edge(uint64_t id, std::string_view packed_edge) {
        EdgeArgument edge(packed_edge);
        const Update update(*this);
        graph_.set_edge_properties(known_edge(id, "update_edge:eid"), std::move(edge.properties));
    }

    void remove_edge(uint64_t id) {
        const Update update(*this);
        graph_.remove_edge(known_edge(id, "remove_edge:eid"));
    }

    // Writes [properties, [in-edge id...], [out-edge id...]].
    void get_node(std::string_view packed_id, msgpack::Buffer& answer) {
        const std::string_view text = raw(packed_id);
        msgpack::Writer out(answer);
        std::shared_lock lock(mutex_);
        const Node& node = graph_.nodes()[local(text, "get_node")];
        out.array(3);
        out.packed(graph_.properties()[node.properties]);
        for (const Side& side : {kIn, kOut}) NodeRows::write_chain(out, node, graph_.edges(), side);
    }

    // Writes [properties, source, target].
    void get_edge(uint64_t id, msgpack::Buffer& answer) {
        msgpack::Writer out(answer);
        std::shared_lock lock(mutex_);
        const Edge& edge = graph_.edges()[known_edge(id, "get_edge")];
        out.array(3);
        out.packed(graph_.properties()[edge.properties]);
        for (const uint32_t end : {edge.source, edge.target}) out.raw(std::to_string(graph_.nodes()[end].id));
    }

    double get_centrality(std::string_view packed_id, int32_t type, std::string_view packed_query) {
        const std::string_view text = raw(packed_id);
        const std::string query = read_query(packed_query);
        if (type != 0) throw GraphError("unknown centrality type: " + std::to_string(type));
        const uint64_t id = parse_node_id(text);
        std::shared_lock lock(mutex_);
        const auto table = indexes_.centralities.find(query);
        if (table == indexes_.centralities.end()) throw GraphError("unknown_centrality_type");
        const uint32_t node = table->second->find(id);
        if (node == kNone) throw GraphError("centrality");
        return table->second->scores[node];
    }

    // `packed` is [source, target, at most so many nodes, query]; writes the ids of the nodes, as text.
    void get_shortest_path(std::string_view packed, msgpack::Buffer& answer) {
        const PathArgument wanted(packed);
        const uint64_t source = parse_node_id(wanted.source), target = parse_node_id(wanted.target);
        const std::vector<uint64_t> path = find_path(landmarks(source, target, wanted.query), source, target, wanted.most);
        msgpack::Writer out(answer);
        out.array(path.size());
        for (const uint64_t id : path) out.raw(std::to_string(id));
    }

    void add_centrality_query(std::string_view packed) {
        std::string query = read_query(packed);
        const Update update(*this);
        indexes_.centralities.emplace(std::move(query), std::make_shared<const Centrality>());
    }

    void remove_centrality_query(std::string_view packed) {
        const std::string query = read_query(packed);
        const Update update(*this);
        indexes_.centralities.erase(query);
    }

    void add_shortest_path_query(std::string_view packed) {
        std::string query = read_query(packed);
        const Update update(*this);
        indexes_.paths.emplace(std::move(query), Landmarks());
    }

    void remove_shortest_path_query(std::string_view packed) {
        const std::string query = read_query(packed);
        const Update update(*this);
        indexes_.paths.erase(query);
    }

    // One step of every centrality, and the ways to and from every landmark as they are now.
    void update_index() {
        std::lock_guard update(updates_);
        Indexes made = indexes_;
        {
            const Numbering numbering(graph_.nodes());
            for (const std::string& packed : queries()) {
                const Adjacency graph(numbering, graph_, unpacked_query(packed));
                if (const auto centrality = made.centralities.find(packed); centrality != made.centralities.end())
                    centrality->second = std::make_shared<const Centrality>(
                        next_step(*centrality->second, graph, numbering.ids, settings_.damping_factor));
                if (const auto paths = made.paths.find(packed); paths != made.paths.end())
                    for (auto& landmark : paths->second) landmark = searched(landmark->id, graph, numbering.ids);
            }
        }
        longest_way_ = depth(made);
        std::unique_lock lock(mutex_);
        std::swap(indexes_, made);
        lock.unlock();  // the old ones end without it
    }

    // Forgets all but the next id: it is never given again.
    void clear() {
        Topology graph;
        Indexes indexes;
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        std::swap(graph, graph_);
        std::swap(indexes, indexes_);
        size_ = largest_degree_ = longest_way_ = 0;
    }

    Status status() {
        std::shared_lock lock(mutex_);
        return {{"local_node_num", std::to_string(graph_.local_nodes())},
                {"global_node_num", std::to_string(graph_.global_nodes())},
                {"local_edge_num", std::to_string(graph_.edge_count())}};
    }

    // The model as it is between two updates, [1, graph].
    std::unique_ptr<Snapshot> snapshot() {
        const Update update(*this);
        auto snapshot = std::make_unique<Snapshot>();
        snapshot->add_packed([](auto& out) {
            pack_user_data_head(out);
        });
        add_to(*snapshot, graph_, indexes_);
        return snapshot;
    }

    // The next id.
    std::string hidden_state() {
        std::shared_lock lock(mutex_);
        msgpack::Buffer state;
        msgpack::Writer(state).unsigned_integer(next_id_);
        return std::move(state.bytes);
    }
    void set_hidden_state(std::string_view state) {
        const Update update(*this);
        next_id_ = msgpack::Reader(state).unsigned_integer();
    }

    std::unique_ptr<Graph> empty_copy() const { return std::make_unique<Graph>(settings_); }

    // Fills this empty model from user data. The next id is the one behind the largest.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        msgpack::Reader in(user_data);
        pass_user_data_head(in);
        Loader(in, progress).load(graph_, indexes_);
        uint64_t largest = 0;
        for (size_t place = 0; place < graph_.nodes().size(); ++place) {
            const Node& node = graph_.nodes()[place];
            if (node.local || node.global) largest = std::max(largest, node.id);
            note_degree(node);
        }
        for (size_t place = 0; place < graph_.edges().size(); ++place) largest = std::max(largest, graph_.edges()[place].id);
        next_id_ = largest + 1;
        size_ = graph_.local_nodes() + graph_.edge_count();
        longest_way_ = depth(indexes_);
        if (progress) progress(in.position());
    }

private:
    // Held by an update that changes what analyses read.
    class Update {
    public:
        explicit Update(Graph& graph) : graph_(graph), update_(graph.updates_), lock_(graph.mutex_) {}
        ~Update() { graph_.size_ = graph_.graph_.local_nodes() + graph_.graph_.edge_count(); }
        Update(const Update&) = delete;
        Update& operator=(const Update&) = delete;

    private:
        Graph& graph_;
        std::lock_guard<std::mutex> update_;
        std::lock_guard<FairMutex> lock_;
    };

    // One counter for nodes and edges. Ids that came with create_node_here and create_edge_here are passed over.
    uint64_t take_id() {
        while (graph_.is_taken(next_id_)) ++next_id_;
        return next_id_++;
    }

    uint32_t local(std::string_view text, const char* otherwise) const {
        const uint32_t place = graph_.find_local(parse_node_id(text));
        if (place == kNone) throw GraphError(otherwise);
        return place;
    }
    uint32_t known_edge(uint64_t id, const char* otherwise) const {
        const uint32_t place = graph_.find_edge(id);
        if (place == kNone) throw GraphError(otherwise);
        return place;
    }

    // Nothing happens to a node that is there.
    void add_node(uint64_t id) {
        const bool added = graph_.add_local(id);
        graph_.add_global(id);
        if (added) offer_landmark(graph_.find_node(id));
    }

    void remove_global(uint64_t id) {
        if (!graph_.remove_global(id)) throw GraphError("remove_global_node");
    }

    // A new or changed node becomes a landmark of every query that it matches and that has too few.
    void offer_landmark(uint32_t place) {
        const Node& node = graph_.nodes()[place];
        for (auto& [packed, landmarks] : indexes_.paths) {
            const auto same = [&](const auto& landmark) { return landmark->id == node.id; };
            if (landmarks.size() >= settings_.landmarks || !matches(unpacked_query(packed).nodes, graph_.properties()[node.properties]) ||
                std::any_of(landmarks.begin(), landmarks.end(), same))
                continue;
            landmarks.push_back(std::make_shared<const Landmark>(Landmark{node.id, nullptr, {}, {}}));
        }
    }

    void add_edge(uint64_t id, EdgeArgument edge) {
        const uint64_t source = parse_node_id(edge.source), target = parse_node_id(edge.target);
        const bool from_here = graph_.find_local(source) != kNone, to_here = graph_.find_local(target) != kNone;
        if (!from_here && !to_here)
            throw GraphError("graph_wo_index::create_edge unknown src id=" + std::to_string(source) + " tgt id=" + std::to_string(target));
        if (graph_.find_edge(id) != kNone) throw GraphError("edge_exists");
        const uint32_t place = graph_.add_edge(id, source, target, std::move(edge.properties));
        if (from_here) graph_.list(place, kOut);
        if (to_here) graph_.list(place, kIn);
        for (const uint32_t end : {graph_.edges()[place].source, graph_.edges()[place].target}) note_degree(graph_.nodes()[end]);
    }

    void note_degree(const Node& node) {
        largest_degree_ = std::max<uint64_t>(largest_degree_, std::max(node.in_degree, node.out_degree));
    }

    // The landmarks of a query, if both ends are known. They stay as they are, whatever happens to the graph.
    Landmarks landmarks(uint64_t source, uint64_t target, const std::string& query) {
        std::shared_lock lock(mutex_);
        if (!graph_.is_global(source)) throw GraphError("shortest_path:src");
        if (!graph_.is_global(target)) throw GraphError("shortest_path:tgt");
        const auto found = indexes_.paths.find(query);
        if (found == indexes_.paths.end()) throw GraphError("unknown_query");
        return found->second;
    }

    // Those that there is something to compute for.
    std::set<std::string> queries() const {
        std::set<std::string> all;
        for (const auto& [packed, table] : indexes_.centralities) all.insert(packed);
        for (const auto& [packed, landmarks] : indexes_.paths)
            if (!landmarks.empty()) all.insert(packed);
        return all;
    }

    static uint32_t depth(const Indexes& indexes) {
        uint32_t deepest = 0;
        for (const auto& [query, landmarks] : indexes.paths)
            for (const auto& landmark : landmarks) deepest = std::max({deepest, landmark->from_root.depth, landmark->to_root.depth});
        return deepest;
    }

    const Settings settings_;
    std::atomic<uint64_t> size_ = 0, largest_degree_ = 0, longest_way_ = 0;

    std::mutex updates_;  // held by the one update that runs
    FairMutex mutex_;     // guards all that follows
    Topology graph_;
    Indexes indexes_;
    uint64_t next_id_ = 0;
};

}  // namespace duma::graph
