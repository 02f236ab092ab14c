#include <memory>
#include <optional>
#include <string>

#include "bindings/models.hpp"
#include "convert/converter.hpp"
#include "linear/classifier.hpp"
#include "linear/regression.hpp"
#include "model/unlearner.hpp"

namespace duma::bindings {

using namespace duma::linear;

namespace {

void bind_unlearner(nb::module_& m) {
    bind_error<ModelFull>(m, "ModelFull", client_error());
    nb::class_<Unlearner>(m, "Unlearner", "Chooses what a model forgets when it is full.")
        .def_static("lru", [](size_t max_size, std::optional<convert::Matcher> sticky) -> std::unique_ptr<Unlearner> {
            return std::make_unique<LruUnlearner>(max_size, std::move(sticky));
        }, nb::arg("max_size"), nb::arg("sticky").none() = nb::none())
        .def_static("random", [](size_t max_size, uint32_t seed) -> std::unique_ptr<Unlearner> {
            return std::make_unique<RandomUnlearner>(max_size, std::mt19937(seed));
        }, nb::arg("max_size"), nb::arg("seed"));
}

void bind_classifier(nb::module_& m) {
    nb::class_<LinearClassifier> model(m, "LinearClassifier", "Linear classifiers over MessagePack: perceptron, PA, PA1, PA2, CW, AROW, NHERD.");
    model
        .def("__init__", [](LinearClassifier* self, const std::string& method, float c, const convert::Converter& converter, const Unlearner* unlearner) {
            new (self) LinearClassifier(method_named(method), c, std::make_shared<const convert::Converter>(converter),
                                        unlearner ? unlearner->empty_copy() : nullptr);
        }, nb::arg("method"), nb::arg("regularization_weight"), nb::arg("converter"), nb::arg("unlearner").none() = nb::none())
        .def("train", learning(&LinearClassifier::train), nb::arg("data"), "Learn from [[label, datum]...]; returns how many.")
        .def("classify", answering(&LinearClassifier::classify), nb::arg("data"), "[[[label, score]...]...] for [datum...].")
        .def("get_labels", [](LinearClassifier& self) {
            return packed(self, 0, [&](msgpack::Buffer& answer) { self.get_labels(answer); });
        }, "{label: how often trained}")
        .def("set_label", [](LinearClassifier& self, nb::handle label) {
            const std::string name = text_bytes(label);
            return without_gil_if_long(self, kLongCall, [&] { return self.set_label(name); });
        }, nb::arg("label"))
        .def("delete_label", [](LinearClassifier& self, nb::handle label) {
            const std::string name = text_bytes(label);
            return without_gil_if_long(self, kLongCall, [&] { return self.delete_label(name); });
        }, nb::arg("label"));
    bind_common(model);
    bind_hidden_state(model);
}

void bind_regression(nb::module_& m) {
    nb::class_<LinearRegression> model(m, "LinearRegression", "Linear regressions over MessagePack: perceptron, PA, PA1, PA2, CW, AROW, NHERD.");
    model
        .def("__init__", [](LinearRegression* self, const std::string& method, float c, float sensitivity, float learning_rate, const convert::Converter& converter) {
            new (self) LinearRegression({method_named(method), c, sensitivity, learning_rate}, std::make_shared<const convert::Converter>(converter));
        }, nb::arg("method"), nb::arg("regularization_weight"), nb::arg("sensitivity"), nb::arg("learning_rate"), nb::arg("converter"))
        .def("train", learning(&LinearRegression::train), nb::arg("data"), "Learn from [[target, datum]...]; returns how many.")
        .def("estimate", answering(&LinearRegression::estimate), nb::arg("data"), "[estimate...] for [datum...].");
    bind_common(model);
    bind_hidden_state(model);
}

}  // namespace

void bind_linear(nb::module_& m) {
    bind_unlearner(m);
    bind_classifier(m);
    bind_regression(m);
}

}  // namespace duma::bindings
