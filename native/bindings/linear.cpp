#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bindings/bindings.hpp"
#include "convert/converter.hpp"
#include "linear/classifier.hpp"
#include "linear/unlearner.hpp"

namespace duma::bindings {

using namespace duma::linear;

namespace {

// Calls with more input than this release the GIL. Smaller ones keep it: they are done before another thread would have
// got it, and wait at most for a slice of another's work. Where a model may call back into Python, every call that takes
// its lock releases the GIL: an update that holds the lock may be waiting for it.
constexpr size_t kLongCall = 4096;

template <class Work>
auto without_gil_if_long(const LinearClassifier& model, size_t bytes, Work&& work) {
    if (bytes < kLongCall && !model.calls_back()) return work();
    nb::gil_scoped_release released;
    return work();
}

template <class Read>
nb::bytes packed(LinearClassifier& model, size_t bytes, Read&& read) {
    msgpack::Buffer answer;
    without_gil_if_long(model, bytes, [&] { read(answer); });
    return to_bytes(answer.bytes);
}

std::string text_bytes(nb::handle label) {
    const Bytes bytes(label);
    return std::string(bytes.view());
}

void load(LinearClassifier& model, nb::handle user_data, const std::optional<nb::callable>& progress) {
    const Bytes bytes(user_data);
    std::function<void(size_t)> report;
    if (progress)
        report = [&](size_t position) {
            nb::gil_scoped_acquire gil;
            (*progress)(position);
        };
    nb::gil_scoped_release released;
    model.load(bytes.view(), report);
}

}  // namespace

void bind_linear(nb::module_& m) {
    bind_error<ModelFull>(m, "ModelFull", client_error());
    nb::class_<Unlearner>(m, "Unlearner", "Chooses what a model forgets when it is full.")
        .def_static("lru", [](size_t max_size, std::optional<convert::Matcher> sticky) -> std::unique_ptr<Unlearner> {
            return std::make_unique<LruUnlearner>(max_size, std::move(sticky));
        }, nb::arg("max_size"), nb::arg("sticky").none() = nb::none())
        .def_static("random", [](size_t max_size, uint32_t seed) -> std::unique_ptr<Unlearner> {
            return std::make_unique<RandomUnlearner>(max_size, std::mt19937(seed));
        }, nb::arg("max_size"), nb::arg("seed"));

    nb::class_<Snapshot>(m, "LinearSnapshot", "A model as it was at one moment, as the user data of a model file.")
        .def_prop_ro("size", [](const Snapshot& self) {
            nb::gil_scoped_release released;
            return self.size();
        })
        .def("next", [](Snapshot& self, size_t target) {
            std::string piece;
            {
                nb::gil_scoped_release released;
                piece = self.next(target);
            }
            return to_bytes(piece);
        }, nb::arg("target"), "The next piece of about `target` bytes; empty at the end.");

    nb::class_<LinearClassifier>(m, "LinearClassifier", "Linear classifiers over MessagePack: perceptron, PA, PA1, PA2, CW, AROW, NHERD.")
        .def("__init__", [](LinearClassifier* self, const std::string& method, float c, const convert::Converter& converter, const Unlearner* unlearner) {
            new (self) LinearClassifier(method_named(method), c, std::make_shared<const convert::Converter>(converter),
                                        unlearner ? unlearner->empty_copy() : nullptr);
        }, nb::arg("method"), nb::arg("regularization_weight"), nb::arg("converter"), nb::arg("unlearner").none() = nb::none())
        .def("train", [](LinearClassifier& self, nb::handle data) {
            const Bytes bytes(data);
            return without_gil_if_long(self, bytes.view().size(), [&] { return self.train(bytes.view()); });
        }, nb::arg("data"), "Learn from [[label, datum]...]; returns how many.")
        .def("classify", [](LinearClassifier& self, nb::handle data) {
            const Bytes bytes(data);
            return packed(self, bytes.view().size(), [&](msgpack::Buffer& answer) { self.classify(bytes.view(), answer); });
        }, nb::arg("data"), "[[[label, score]...]...] for [datum...].")
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
        }, nb::arg("label"))
        .def("clear", [](LinearClassifier& self) { without_gil_if_long(self, kLongCall, [&] { self.clear(); }); })
        .def("status", [](LinearClassifier& self) {
            nb::dict status;
            for (const auto& [key, value] : without_gil_if_long(self, 0, [&] { return self.status(); })) status[key.c_str()] = value;
            return status;
        })
        .def("snapshot", [](LinearClassifier& self) {
            return without_gil_if_long(self, kLongCall, [&] { return self.snapshot(); });
        })
        .def("hidden_state", [](LinearClassifier& self) {
            return to_bytes(without_gil_if_long(self, 0, [&] { return self.hidden_state(); }));
        }, "What model files do not hold: the state of random draws.")
        .def("set_hidden_state", [](LinearClassifier& self, nb::handle state) {
            const std::string text = text_bytes(state);
            without_gil_if_long(self, 0, [&] { self.set_hidden_state(text); });
        }, nb::arg("state"))
        .def("empty_copy", [](LinearClassifier& self) {
            return without_gil_if_long(self, 0, [&] { return self.empty_copy(); });
        }, "The same settings with nothing learned.")
        .def("load", &load, nb::arg("user_data"), nb::arg("progress").none() = nb::none(), "Fill an empty model from saved user data.");
}

}  // namespace duma::bindings
