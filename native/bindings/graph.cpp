#include "graph/graph.hpp"

#include <cstdint>
#include <string_view>

#include "bindings/models.hpp"

namespace duma::bindings {

using graph::Graph;

namespace {

// A call is done before another thread would have got the GIL, unless it takes long by what is there already.
constexpr uint64_t kLongWay = 4096;

// An update of one packed argument that returns nothing.
auto updating(void (Graph::*method)(std::string_view)) {
    return [method](Graph& self, nb::handle argument) {
        const Bytes bytes(argument);
        without_gil_if_long(self, bytes.view().size(), [&] { (self.*method)(bytes.view()); });
    };
}

}  // namespace

void bind_graph(nb::module_& m) {
    bind_error<graph::GraphError>(m, "GraphError", client_error());
    nb::class_<Graph> model(m, "Graph", "Nodes and edges with properties, centralities and shortest paths, over MessagePack.");
    model
        .def("__init__", [](Graph* self, double damping_factor, uint64_t landmarks) {
            new (self) Graph({damping_factor, landmarks});
        }, nb::arg("damping_factor"), nb::arg("landmarks"))
        .def_prop_ro("size", &Graph::size, "Nodes and edges.")
        .def_prop_ro("largest_degree", &Graph::largest_degree, "In-edges or out-edges that any node had.")
        .def_prop_ro("longest_way", &Graph::longest_way, "Edges on the longest way to or from a landmark.")
        .def("create_node", &Graph::create_node, "A node without properties; returns its id.")
        .def("create_node_here", updating(&Graph::create_node_here), nb::arg("id"))
        .def("update_node", [](Graph& self, nb::handle id, nb::handle properties) {
            const Bytes node(id), packed(properties);
            without_gil_if_long(self, packed.view().size(), [&] { self.update_node(node.view(), packed.view()); });
        }, nb::arg("id"), nb::arg("properties"))
        .def("remove_node", updating(&Graph::remove_node), nb::arg("id"))
        .def("remove_global_node", updating(&Graph::remove_global_node), nb::arg("id"))
        .def("create_edge", [](Graph& self, nb::handle edge) {
            const Bytes bytes(edge);
            return without_gil_if_long(self, bytes.view().size(), [&] { return self.create_edge(bytes.view()); });
        }, nb::arg("edge"), "[properties, source, target]; returns its id.")
        .def("create_edge_here", [](Graph& self, uint64_t id, nb::handle edge) {
            const Bytes bytes(edge);
            without_gil_if_long(self, bytes.view().size(), [&] { self.create_edge_here(id, bytes.view()); });
        }, nb::arg("id"), nb::arg("edge"))
        .def("update_edge", [](Graph& self, uint64_t id, nb::handle edge) {
            const Bytes bytes(edge);
            without_gil_if_long(self, bytes.view().size(), [&] { self.update_edge(id, bytes.view()); });
        }, nb::arg("id"), nb::arg("edge"))
        .def("remove_edge", &Graph::remove_edge, nb::arg("id"))
        .def("get_node", [](Graph& self, nb::handle id) {
            const Bytes bytes(id);
            const size_t work = bytes.view().size() + self.largest_degree();
            return packed(self, work, [&](msgpack::Buffer& answer) { self.get_node(bytes.view(), answer); });
        }, nb::arg("id"), "[properties, [in-edge id...], [out-edge id...]]")
        .def("get_edge", [](Graph& self, uint64_t id) {
            return packed(self, 0, [&](msgpack::Buffer& answer) { self.get_edge(id, answer); });
        }, nb::arg("id"), "[properties, source, target]")
        .def("get_centrality", [](Graph& self, nb::handle id, int32_t type, nb::handle query) {
            const Bytes node(id), bytes(query);
            return without_gil_if_long(self, bytes.view().size(), [&] { return self.get_centrality(node.view(), type, bytes.view()); });
        }, nb::arg("id"), nb::arg("type"), nb::arg("query"))
        .def("get_shortest_path", [](Graph& self, nb::handle query) {
            const Bytes bytes(query);
            const size_t work = bytes.view().size() + (self.longest_way() > kLongWay ? kLongCall : 0);
            return packed(self, work, [&](msgpack::Buffer& answer) { self.get_shortest_path(bytes.view(), answer); });
        }, nb::arg("query"), "[id...] for [source, target, at most so many nodes, query].")
        .def("add_centrality_query", updating(&Graph::add_centrality_query), nb::arg("query"))
        .def("remove_centrality_query", updating(&Graph::remove_centrality_query), nb::arg("query"))
        .def("add_shortest_path_query", updating(&Graph::add_shortest_path_query), nb::arg("query"))
        .def("remove_shortest_path_query", updating(&Graph::remove_shortest_path_query), nb::arg("query"))
        .def("update_index", &Graph::update_index, nb::call_guard<nb::gil_scoped_release>(), "One step of every centrality, and all ways anew.");
    bind_common(model);
    bind_hidden_state(model);
}

}  // namespace duma::bindings
