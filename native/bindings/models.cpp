#include "bindings/models.hpp"

#include <memory>
#include <string>

#include "convert/converter.hpp"
#include "convert/weigher.hpp"
#include "model/snapshot.hpp"

namespace duma::bindings {

using convert::Weigher;

void bind_models(nb::module_& m) {
    nb::class_<Snapshot>(m, "Snapshot", "A model as it was at one moment, as the user data of a model file.")
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

    nb::class_<Weigher> weigher(m, "Weigher", "Features of datums over MessagePack, with statistics of its own.");
    weigher
        .def("__init__", [](Weigher* self, const convert::Converter& converter) {
            new (self) Weigher(std::make_shared<const convert::Converter>(converter));
        }, nb::arg("converter"))
        .def("update", answering(&Weigher::update), nb::arg("datum"), "Count a datum; [[key, value]...] as it is then.")
        .def("calc_weight", answering(&Weigher::calc_weight), nb::arg("datum"), "[[key, value]...] of a datum.");
    bind_common(weigher);
}

}  // namespace duma::bindings
