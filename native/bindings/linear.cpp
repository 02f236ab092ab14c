#include "bindings.hpp"

namespace duma::bindings {

void bind_linear(nb::module_&) {}

}  // namespace duma::bindings
