#include <memory>
#include <optional>
#include <string>

#include "bindings/models.hpp"
#include "convert/converter.hpp"
#include "model/unlearner.hpp"
#include "neighbors/index_records.hpp"
#include "neighbors/neighbor_classifier.hpp"
#include "neighbors/neighbor_regression.hpp"
#include "neighbors/records.hpp"
#include "neighbors/signature_records.hpp"

namespace duma::bindings {

using namespace duma::neighbors;

namespace {

NeighborLearner::Parts parts(const Records& records, size_t k, const convert::Converter& converter, const Unlearner* unlearner, uint64_t seed) {
    return {std::make_shared<const convert::Converter>(converter), records.empty_copy(), k, unlearner ? unlearner->empty_copy() : nullptr, RandomIds(seed)};
}

void bind_records(nb::module_& m) {
    nb::class_<Records>(m, "Records", "How datums are kept and compared, for those who answer by the nearest.")
        .def_static("by_signature", [](const SignatureSettings& settings) -> std::unique_ptr<Records> {
            return std::make_unique<SignatureRecords>(settings);
        }, nb::arg("settings"), "Known by signatures; distances are estimates.")
        .def_static("by_cosine", []() -> std::unique_ptr<Records> {
            return std::make_unique<IndexRecords>(IndexDistance::cosine);
        }, "In an inverted index; the distance is 1 - cosine similarity.")
        .def_static("by_euclid", []() -> std::unique_ptr<Records> {
            return std::make_unique<IndexRecords>(IndexDistance::euclidean);
        }, "In an inverted index, by Euclid's distance.");
}

// Like learning(), for models of which a short call may take long.
template <class Model>
auto learning_slowly(uint64_t (Model::*method)(std::string_view)) {
    return [method](Model& self, nb::handle data) {
        const Bytes bytes(data);
        return without_gil_if_long(self, self.learns_slowly() ? kLongCall : bytes.view().size(), [&] { return (self.*method)(bytes.view()); });
    };
}

template <class Model>
auto searching(void (Model::*method)(std::string_view, msgpack::Buffer&)) {
    return [method](Model& self, nb::handle data) {
        const Bytes bytes(data);
        return packed(self, search_bytes(self, bytes.view().size()), [&](msgpack::Buffer& answer) { (self.*method)(bytes.view(), answer); });
    };
}

template <class Model>
void bind_slowness(nb::class_<Model>& model) {
    model
        .def_prop_ro("slow", [](Model& self) {
            return without_gil_if_long(self, 0, [&] { return self.slow(); });
        }, "Whether an analysis takes so long that others should not wait for it.")
        .def_prop_ro("learns_slowly", &Model::learns_slowly, "Whether learning a datum takes so long that others should not wait for it.");
}

void bind_classifier(nb::module_& m) {
    nb::class_<NeighborClassifier> model(m, "NeighborClassifier", "Classifiers by the nearest records, over MessagePack.");
    model
        .def("__init__", [](NeighborClassifier* self, const Records& records, size_t k, float sensitivity, const convert::Converter& converter,
                            const Unlearner* unlearner, uint64_t seed) {
            new (self) NeighborClassifier(parts(records, k, converter, unlearner, seed), sensitivity);
        }, nb::arg("records"), nb::arg("k"), nb::arg("sensitivity"), nb::arg("converter"), nb::arg("unlearner").none(), nb::arg("seed"))
        .def("train", learning_slowly(&NeighborClassifier::train), nb::arg("data"), "Learn from [[label, datum]...]; returns how many.")
        .def("classify", searching(&NeighborClassifier::classify), nb::arg("data"), "[[[label, score]...]...] for [datum...].")
        .def("get_labels", [](NeighborClassifier& self) {
            return packed(self, 0, [&](msgpack::Buffer& answer) { self.get_labels(answer); });
        }, "{label: how many records}")
        .def("set_label", [](NeighborClassifier& self, nb::handle label) {
            const std::string name = text_bytes(label);
            return without_gil_if_long(self, 0, [&] { return self.set_label(name); });
        }, nb::arg("label"))
        .def("delete_label", [](NeighborClassifier& self, nb::handle label) {
            const std::string name = text_bytes(label);
            return without_gil_if_long(self, kLongCall, [&] { return self.delete_label(name); });
        }, nb::arg("label"));
    bind_slowness(model);
    bind_common(model);
    bind_hidden_state(model);
}

void bind_regression(nb::module_& m) {
    nb::enum_<Weighting>(m, "Weighting", "What a neighbour counts.").value("uniform", Weighting::uniform).value("distance", Weighting::distance);
    nb::class_<NeighborRegression> model(m, "NeighborRegression", "Regressions by the nearest records, over MessagePack.");
    model
        .def("__init__", [](NeighborRegression* self, const Records& records, size_t k, Weighting weighting, const convert::Converter& converter,
                            const Unlearner* unlearner, uint64_t seed) {
            new (self) NeighborRegression(parts(records, k, converter, unlearner, seed), weighting);
        }, nb::arg("records"), nb::arg("k"), nb::arg("weighting"), nb::arg("converter"), nb::arg("unlearner").none(), nb::arg("seed"))
        .def("train", learning_slowly(&NeighborRegression::train), nb::arg("data"), "Learn from [[target, datum]...]; returns how many.")
        .def("estimate", searching(&NeighborRegression::estimate), nb::arg("data"), "[estimate...] for [datum...].");
    bind_slowness(model);
    bind_common(model);
    bind_hidden_state(model);
}

}  // namespace

void bind_neighbors_learning(nb::module_& m) {
    bind_records(m);
    bind_classifier(m);
    bind_regression(m);
}

}  // namespace duma::bindings
