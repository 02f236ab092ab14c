#include "bindings.hpp"

namespace duma::bindings {

void bind_rpc(nb::module_&) {}

}  // namespace duma::bindings
