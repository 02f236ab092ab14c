// Feeds the graph engine: a row of calls, or a model file. The first byte chooses; a call is the number of a method and its
// arguments.
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.hpp"
#include "inputs.hpp"

using namespace duma;
using namespace duma::fuzz;

namespace {

constexpr char kLoad = '\1';

std::unique_ptr<graph::Graph> empty_graph() { return std::make_unique<graph::Graph>(graph::Settings{0.5, 2}); }

std::string query() { return "\x92\x90\x90"; }

std::string edge(const std::string& source, const std::string& target) {
    return packed([&](auto& out) {
        out.array(3);
        out.map(1);
        out.raw("kind");
        out.raw("a");
        out.raw(source);
        out.raw(target);
    });
}

std::string node(uint64_t id) {
    return packed([&](auto& out) { out.raw(std::to_string(id)); });
}

// Numbers of methods, each with its arguments behind it.
void calls(graph::Graph& model, std::string_view input) {
    msgpack::Reader in(input);
    msgpack::Buffer answer;
    const auto argument = [&] { return in.skip(); };
    const auto number = [&] { return in.unsigned_integer(); };
    const auto call = [&](uint64_t method) {
        switch (method % 16) {
            case 0: case 1: model.create_node(); break;
            case 2: model.create_node_here(argument()); break;
            case 3: { const auto id = argument(); model.update_node(id, argument()); break; }
            case 4: model.remove_node(argument()); break;
            case 5: case 6: model.create_edge(argument()); break;
            case 7: { const uint64_t id = number(); model.create_edge_here(id, argument()); break; }
            case 8: model.remove_edge(number()); break;
            case 9: { const uint64_t id = number(); model.update_edge(id, argument()); break; }
            case 10: model.add_centrality_query(argument()); break;
            case 11: model.add_shortest_path_query(argument()); break;
            case 12: model.update_index(); break;
            case 13: model.get_node(argument(), answer); break;
            case 14: model.get_shortest_path(argument(), answer); break;
            default: model.remove_global_node(argument()); break;
        }
    };
    while (!in.at_end()) {
        const uint64_t method = number();
        try {
            call(method);
        } catch (const graph::GraphError&) {  // what the call says
        }
    }
}

std::string some_calls() {
    std::string all = "\x0b" + query() + "\x0a" + query() + std::string(4, '\0');
    for (const auto& [source, target] : {std::pair("0", "1"), {"1", "2"}, {"2", "0"}, {"3", "77"}}) all += "\x05" + edge(source, target);
    all += "\x0c\x0d" + node(1);
    all += "\x0e" + packed([&](auto& out) {
        out.array(4);
        out.raw("0");
        out.raw("2");
        out.unsigned_integer(9);
        out.packed(query());
    });
    all += "\x08\x04\x07\x50" + edge("1", "1") + "\x03" + node(2) + "\x81\xa4kind\xa1" "a" + "\x0c\x08\x05\x04" + node(3);
    return all;
}

}  // namespace

std::vector<std::string> seeds() {
    const auto model = empty_graph();
    calls(*model, some_calls());
    return {'\0' + some_calls(), kLoad + model->snapshot()->next(1 << 20), std::string(1, kLoad) + "\x92\x01\x95\x80\x80\x80\x80\x80"};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto model = empty_graph();
    try {
        if (data[0] == kLoad) {
            check_load(*model, input);
            model->load(input, {});
            calls(*model, some_calls());
        } else {
            calls(*model, input);
        }
    } catch (const std::runtime_error&) {  // refused, as it should be
    }
    const auto snapshot = model->snapshot();
    reload(*model, snapshot->next(snapshot->size()));
    return 0;
}
