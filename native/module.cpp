#include "bindings/bindings.hpp"
#include "msgpack/reader.hpp"

NB_MODULE(_core, m) {
    using namespace duma;
    bindings::bind_error<msgpack::TypeMismatch>(m, "TypeMismatch", PyExc_TypeError);
    bindings::bind_error<msgpack::Malformed>(m, "Malformed", PyExc_ValueError);
    bindings::bind_rpc(m);
    bindings::bind_convert(m);
    bindings::bind_models(m);
    bindings::bind_linear(m);
    bindings::bind_neighbors(m);
    bindings::bind_graph(m);
    bindings::bind_recommender(m);
    bindings::bind_neighbors_learning(m);
    bindings::bind_anomaly(m);
    bindings::bind_clustering(m);
    bindings::bind_journal(m);
}
