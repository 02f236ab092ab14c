#include "bindings.hpp"

namespace duma::bindings {

void bind_convert(nb::module_&) {}

}  // namespace duma::bindings
