// How Python calls the core's models: what all of them have in common.
#pragma once

#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <optional>
#include <string>

#include "bindings/bindings.hpp"
#include "model/loading.hpp"
#include "msgpack/writer.hpp"

namespace duma::bindings {

// Calls with more input than this release the GIL. Smaller ones keep it: they are done before another thread would have
// got it, and wait at most for a slice of another's work. Where a model may call back into Python, every call that takes
// its lock releases the GIL: an update that holds the lock may be waiting for it.
constexpr size_t kLongCall = 4096;

template <class Model, class Work>
auto without_gil_if_long(const Model& model, size_t bytes, Work&& work) {
    if (bytes < kLongCall && !model.calls_back()) return work();
    nb::gil_scoped_release released;
    return work();
}

// What a search counts as in place of its input's bytes: a long call if there is much to search.
template <class Model>
size_t search_bytes(Model& model, size_t bytes) {
    return without_gil_if_long(model, 0, [&] { return model.slow(); }) ? kLongCall : bytes;
}

template <class Model, class Read>
nb::bytes packed(Model& model, size_t bytes, Read&& read) {
    msgpack::Buffer answer;
    without_gil_if_long(model, bytes, [&] { read(answer); });
    return to_bytes(answer.bytes);
}

inline std::string text_bytes(nb::handle text) {
    const Bytes bytes(text);
    return std::string(bytes.view());
}

// A method that learns from packed data and returns how many it learned.
template <class Model>
auto learning(uint64_t (Model::*method)(std::string_view)) {
    return [method](Model& self, nb::handle data) {
        const Bytes bytes(data);
        return without_gil_if_long(self, bytes.view().size(), [&] { return (self.*method)(bytes.view()); });
    };
}

// A method that takes packed data and answers packed.
template <class Model>
auto answering(void (Model::*method)(std::string_view, msgpack::Buffer&)) {
    return [method](Model& self, nb::handle data) {
        const Bytes bytes(data);
        return packed(self, bytes.view().size(), [&](msgpack::Buffer& answer) { (self.*method)(bytes.view(), answer); });
    };
}

template <class Model>
void load(Model& model, nb::handle user_data, const std::optional<nb::callable>& progress) {
    const Bytes bytes(user_data);
    Progress report;
    if (progress)
        report = [&](size_t position) {
            nb::gil_scoped_acquire gil;
            (*progress)(position);
        };
    nb::gil_scoped_release released;
    model.load(bytes.view(), report);
}

// What every model has: clearing, status, snapshots, loading.
template <class Model>
void bind_common(nb::class_<Model>& model) {
    model
        .def("clear", [](Model& self) { without_gil_if_long(self, kLongCall, [&] { self.clear(); }); })
        .def("status", [](Model& self) {
            nb::dict status;
            for (const auto& [key, value] : without_gil_if_long(self, 0, [&] { return self.status(); })) status[key.c_str()] = value;
            return status;
        })
        .def("snapshot", [](Model& self) {
            return without_gil_if_long(self, kLongCall, [&] { return self.snapshot(); });
        })
        .def("empty_copy", [](Model& self) {
            return without_gil_if_long(self, 0, [&] { return self.empty_copy(); });
        }, "The same settings with nothing learned.")
        .def("load", &load<Model>, nb::arg("user_data"), nb::arg("progress").none() = nb::none(), "Fill an empty model from saved user data.");
}

// For models with a state that model files do not hold.
template <class Model>
void bind_hidden_state(nb::class_<Model>& model) {
    model
        .def("hidden_state", [](Model& self) {
            return to_bytes(without_gil_if_long(self, 0, [&] { return self.hidden_state(); }));
        }, "What model files do not hold, but later answers depend on.")
        .def("set_hidden_state", [](Model& self, nb::handle state) {
            const std::string text = text_bytes(state);
            without_gil_if_long(self, 0, [&] { self.set_hidden_state(text); });
        }, nb::arg("state"));
}

}  // namespace duma::bindings
