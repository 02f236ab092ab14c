#include <memory>
#include <string>

#include "bindings/models.hpp"
#include "convert/converter.hpp"
#include "neighbors/nearest_neighbor.hpp"
#include "neighbors/signature_index.hpp"

namespace duma::bindings {

using namespace duma::neighbors;

namespace {

void bind_nearest_neighbor(nb::module_& m) {
    nb::enum_<Score>(m, "Score", "What is told of a row that was found.").value("distance", Score::distance).value("similarity", Score::similarity);
    nb::class_<NearestNeighbor> model(m, "NearestNeighbor", "Nearest neighbours over MessagePack: lsh, minhash, euclid_lsh.");
    model
        .def("__init__", [](NearestNeighbor* self, const SignatureSettings& settings, const convert::Converter& converter) {
            new (self) NearestNeighbor(settings, std::make_shared<const convert::Converter>(converter));
        }, nb::arg("settings"), nb::arg("converter"))
        .def_prop_ro("slow", [](NearestNeighbor& self) {
            return without_gil_if_long(self, 0, [&] { return self.slow(); });
        }, "Whether a search takes so long that others should not wait for it.")
        .def("set_row", [](NearestNeighbor& self, nb::handle id, nb::handle datum) {
            const std::string name = text_bytes(id);
            const Bytes bytes(datum);
            without_gil_if_long(self, bytes.view().size(), [&] { self.set_row(name, bytes.view()); });
        }, nb::arg("id"), nb::arg("datum"))
        .def("search_by_id", [](NearestNeighbor& self, nb::handle id, size_t k, Score score) {
            const std::string name = text_bytes(id);
            return packed(self, search_bytes(self, 0), [&](msgpack::Buffer& answer) { self.search_by_id(name, k, score, answer); });
        }, nb::arg("id"), nb::arg("k"), nb::arg("score"), "[[id, score]...], nearest first.")
        .def("search_by_datum", [](NearestNeighbor& self, nb::handle datum, size_t k, Score score) {
            const Bytes bytes(datum);
            return packed(self, search_bytes(self, bytes.view().size()), [&](msgpack::Buffer& answer) { self.search_by_datum(bytes.view(), k, score, answer); });
        }, nb::arg("datum"), nb::arg("k"), nb::arg("score"), "[[id, score]...], nearest first.")
        .def("get_all_rows", [](NearestNeighbor& self) {
            return packed(self, search_bytes(self, 0), [&](msgpack::Buffer& answer) { self.get_all_rows(answer); });
        }, "[id...] in the order of the rows.");
    bind_common(model);
}

}  // namespace

void bind_neighbors(nb::module_& m) {
    nb::class_<SignatureSettings>(m, "SignatureSettings", "How signatures are made and searched.")
        .def("__init__", [](SignatureSettings* self, const std::string& method, size_t hash_num, int64_t threads, size_t cache_size) {
            new (self) SignatureSettings{signature_method_named(method), hash_num, threads, cache_size};
        }, nb::arg("method"), nb::arg("hash_num"), nb::arg("threads"), nb::arg("cache_size"));
    bind_nearest_neighbor(m);
}

}  // namespace duma::bindings
