// What the binding files share: how bytes come in from Python and how each part registers itself.
#pragma once

#include <nanobind/nanobind.h>

#include <exception>
#include <string_view>

namespace duma::bindings {

namespace nb = nanobind;

// The bytes of any object with the buffer protocol, held for as long as this lives.
class Bytes {
public:
    explicit Bytes(nb::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw nb::python_error();
    }
    ~Bytes() { PyBuffer_Release(&view_); }
    Bytes(const Bytes&) = delete;
    Bytes& operator=(const Bytes&) = delete;
    std::string_view view() const { return {static_cast<const char*>(view_.buf), static_cast<size_t>(view_.len)}; }

private:
    Py_buffer view_;
};

inline nb::bytes to_bytes(std::string_view s) { return nb::bytes(s.data(), s.size()); }

// Text of any bytes: those that are no UTF-8 become surrogate escapes, as everywhere else. Null with an error set if
// there is no memory.
inline PyObject* to_text(std::string_view s) {
    return PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "surrogateescape");
}

// What an error says: its text(), or where it has none what().
template <class Error>
std::string_view text_of(const Error& error) {
    if constexpr (requires { error.text(); }) return error.text();
    else return error.what();
}

// An exception class in the module for a C++ one, whose text may hold what a client sent, UTF-8 or not.
template <class Error>
void bind_error(nb::module_& m, const char* name, nb::handle base) {
    const nb::exception<Error> made(m, name, base);
    nb::register_exception_translator([](const std::exception_ptr& thrown, void* type) {
        try {
            std::rethrow_exception(thrown);
        } catch (const Error& error) {
            const nb::object text = nb::steal(to_text(text_of(error)));
            if (text.is_valid()) PyErr_SetObject(static_cast<PyObject*>(type), text.ptr());
        }
    }, made.ptr());
}

// The base of all errors that a client is told of.
inline nb::object client_error() { return nb::module_::import_("duma.errors").attr("DumaError"); }

// Each part of the core, in a file of its own beside this one.
void bind_rpc(nb::module_& m);
void bind_convert(nb::module_& m);
void bind_models(nb::module_& m);
void bind_linear(nb::module_& m);
void bind_neighbors(nb::module_& m);
void bind_graph(nb::module_& m);
void bind_recommender(nb::module_& m);
void bind_neighbors_learning(nb::module_& m);
void bind_anomaly(nb::module_& m);
void bind_clustering(nb::module_& m);
void bind_journal(nb::module_& m);

}  // namespace duma::bindings
