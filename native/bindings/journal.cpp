#include <string>

#include "bindings/bindings.hpp"
#include "journal/crc32c.hpp"
#include "journal/frames.hpp"

namespace duma::bindings {

using journal::Frames;

void bind_journal(nb::module_& m) {
    m.def("crc32c", [](nb::handle data, uint32_t crc) {
        const Bytes bytes(data);
        return journal::crc32c(crc, bytes.view());
    }, nb::arg("data"), nb::arg("crc") = 0, "CRC32C of `data`, behind what has the checksum `crc`.");

    nb::class_<Frames>(m, "JournalFrames", "Encodes records of the journal and keeps them until they are taken.")
        .def(nb::init<uint32_t, uint64_t, uint32_t>(), nb::arg("identity"), nb::arg("sequence"), nb::arg("checksum"))
        .def_prop_ro("sequence", &Frames::sequence)
        .def_prop_ro("checksum", &Frames::checksum)
        .def_prop_ro("pending", &Frames::pending, "Bytes that wait.")
        .def("append", [](Frames& self, uint8_t kind, nb::handle name, nb::handle payload, int64_t time) {
            const Bytes name_bytes(name), payload_bytes(payload);
            const size_t size = name_bytes.view().size() + payload_bytes.view().size();
            if (name_bytes.view().size() > Frames::kMaxName || size > Frames::kMaxBody)
                throw nb::value_error("a record's name or payload is too large");
            return self.append(kind, name_bytes.view(), payload_bytes.view(), time);
        }, nb::arg("kind"), nb::arg("name"), nb::arg("payload"), nb::arg("time"), "Returns the record's number.")
        .def("take", [](Frames& self) { return to_bytes(self.take()); }, "The bytes that wait; none are left.");
}

}  // namespace duma::bindings
