#include <memory>
#include <string>

#include "bindings/models.hpp"
#include "convert/converter.hpp"
#include "model/unlearner.hpp"
#include "neighbors/anomaly.hpp"
#include "neighbors/light_lof.hpp"
#include "neighbors/lof.hpp"
#include "neighbors/recommender_index.hpp"
#include "neighbors/recommender_store.hpp"

namespace duma::bindings {

using namespace duma::neighbors;

namespace {

std::unique_ptr<Unlearner> copy(const Unlearner* unlearner) { return unlearner ? unlearner->empty_copy() : nullptr; }

// What an update counts as in place of its input's bytes.
size_t update_bytes(Anomaly& model, size_t bytes) {
    return without_gil_if_long(model, 0, [&] { return model.slow_update(); }) ? kLongCall : bytes;
}

// A method that stores a datum under an id and returns its score.
auto scoring(double (Anomaly::*method)(const std::string&, std::string_view)) {
    return [method](Anomaly& self, nb::handle id, nb::handle datum) {
        const std::string name = text_bytes(id);
        const Bytes bytes(datum);
        return without_gil_if_long(self, update_bytes(self, bytes.view().size()), [&] { return (self.*method)(name, bytes.view()); });
    };
}

// A method that stores packed data and answers packed.
auto storing(void (Anomaly::*method)(std::string_view, msgpack::Buffer&)) {
    return [method](Anomaly& self, nb::handle data) {
        const Bytes bytes(data);
        return packed(self, update_bytes(self, bytes.view().size()), [&](msgpack::Buffer& answer) { (self.*method)(bytes.view(), answer); });
    };
}

}  // namespace

void bind_anomaly(nb::module_& m) {
    nb::class_<LofSettings>(m, "LofSettings", "How many neighbours count in local outlier factors.")
        .def("__init__", [](LofSettings* self, size_t k, size_t reverse_k, bool ignore_same) {
            new (self) LofSettings{k, reverse_k, ignore_same};
        }, nb::arg("k"), nb::arg("reverse_k"), nb::arg("ignore_same"));

    nb::class_<Anomaly> model(m, "Anomaly", "Local outlier factors over MessagePack: lof, light_lof.");
    model
        .def_static("light_lof", [](const LofSettings& settings, const SignatureSettings& signatures, const convert::Converter& converter, const Unlearner* unlearner) {
            return std::make_unique<Anomaly>(std::make_shared<const convert::Converter>(converter), [&](const Names&) {
                return std::make_unique<LightLof>(settings, signatures, copy(unlearner));
            });
        }, nb::arg("settings"), nb::arg("signatures"), nb::arg("converter"), nb::arg("unlearner").none() = nb::none())
        .def_static("lof", [](const LofSettings& settings, const RecommenderIndex& index, const convert::Converter& converter, const Unlearner* unlearner) {
            return std::make_unique<Anomaly>(std::make_shared<const convert::Converter>(converter), [&](const Names& names) {
                return std::make_unique<Lof>(settings, std::make_unique<RecommenderStore>(names, index.empty_copy(), nullptr), copy(unlearner));
            });
        }, nb::arg("settings"), nb::arg("index"), nb::arg("converter"), nb::arg("unlearner").none() = nb::none())
        .def_prop_ro("slow_search", [](Anomaly& self) {
            return without_gil_if_long(self, 0, [&] { return self.slow_search(); });
        }, "Whether a search takes so long that others should not wait for it.")
        .def_prop_ro("slow_update", [](Anomaly& self) {
            return without_gil_if_long(self, 0, [&] { return self.slow_update(); });
        }, "Whether an update takes so long that others should not wait for it.")
        .def("add", storing(&Anomaly::add), nb::arg("datum"), "Store a datum under a new id: [id, score].")
        .def("add_bulk", storing(&Anomaly::add_bulk), nb::arg("data"), "Store [datum...] under new ids: [id...].")
        .def("update", scoring(&Anomaly::update), nb::arg("id"), nb::arg("datum"), "Add to a row; returns its score.")
        .def("overwrite", scoring(&Anomaly::overwrite), nb::arg("id"), nb::arg("datum"), "Replace a row; returns its score.")
        .def("clear_row", [](Anomaly& self, nb::handle id) {
            const std::string name = text_bytes(id);
            without_gil_if_long(self, kLongCall, [&] { self.clear_row(name); });
        }, nb::arg("id"))
        .def("calc_score", [](Anomaly& self, nb::handle datum) {
            const Bytes bytes(datum);
            const size_t size = without_gil_if_long(self, 0, [&] { return self.slow_search(); }) ? kLongCall : bytes.view().size();
            return without_gil_if_long(self, size, [&] { return self.calc_score(bytes.view()); });
        }, nb::arg("datum"))
        .def("get_all_rows", [](Anomaly& self) {
            return packed(self, kLongCall, [&](msgpack::Buffer& answer) { self.get_all_rows(answer); });
        }, "[id...]");
    bind_common(model);
    bind_hidden_state(model);
    model.def("draw_on_from", [](Anomaly& self, Anomaly& other) {
        without_gil_if_long(self, kLongCall, [&] { self.draw_on_from(other); });
    }, nb::arg("other"), "Go on drawing at random where another model is.");
}

}  // namespace duma::bindings
