// What the binding files share: how bytes come in from Python and how each part registers itself.
#pragma once

#include <nanobind/nanobind.h>

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

// Each part of the core, in a file of its own beside this one.
void bind_rpc(nb::module_& m);
void bind_convert(nb::module_& m);
void bind_linear(nb::module_& m);

}  // namespace duma::bindings
