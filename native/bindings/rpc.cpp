// The wire: bytes of a connection in, requests out; and the frame around an answer.
#include <algorithm>
#include <cstring>
#include <string>

#include "bindings.hpp"
#include "msgpack/splitter.hpp"
#include "msgpack/writer.hpp"

namespace duma::bindings {

namespace {

// Receives a connection's bytes in a block of its own and takes the messages out of it.
//
// The socket writes straight into the block (`room`). A small message is copied out, so that the block serves again;
// a large one keeps the block, which is never copied then, and the connection goes on with another.
class Splitter {
public:
    Splitter(uint64_t max_message_bytes, size_t max_depth) : splitter_(max_message_bytes, max_depth) {}

    // Writable memory for the next bytes. It may be written until `received` is called.
    nb::object room() {
        make_room();
        if (window_.is_valid() && window_begin_ == filled_) return window_;
        const size_t length = std::min(capacity() - filled_, max_window);
        window_ = slice(view(), filled_, filled_ + length);
        window_begin_ = filled_;
        return window_;
    }

    // Takes note of `count` bytes written into the room; the requests that are complete with them.
    nb::list received(size_t count) {
        if (!block_.is_valid() || count > capacity() - filled_) {
            throw nb::value_error("more bytes received than there was room for");
        }
        nb::list requests;
        if (broken_reason()) return requests;
        filled_ += count;
        take_messages(requests);
        return requests;
    }

    nb::list feed(nb::handle bytes) {
        const Bytes given(bytes);
        std::string_view rest = given.view();
        nb::list requests;
        while (!rest.empty() && !broken_reason()) {
            make_room();
            const size_t n = std::min({rest.size(), capacity() - filled_, max_window});
            std::memcpy(data() + filled_, rest.data(), n);
            rest.remove_prefix(n);
            filled_ += n;
            take_messages(requests);
        }
        return requests;
    }

    const char* broken_reason() const { return splitter_.broken_reason(); }

    bool too_large() const { return splitter_.too_large(); }

    nb::object unfinished_id() const {
        uint32_t id = 0;
        if (start_ == filled_ || !splitter_.request_id(data() + start_, id)) return nb::none();
        return nb::int_(id);
    }

    size_t pending() const { return filled_ - start_; }

private:
    static constexpr size_t first_block = 64 * 1024;
    static constexpr size_t min_room = 32 * 1024;
    static constexpr size_t max_window = 256 * 1024;
    static constexpr size_t max_kept = 1024 * 1024;  // a block this small is taken again at once after a large message
    static constexpr size_t large = 16 * 1024;

    size_t capacity() const { return static_cast<size_t>(PyByteArray_GET_SIZE(block_.ptr())); }
    uint8_t* data() const { return reinterpret_cast<uint8_t*>(PyByteArray_AS_STRING(block_.ptr())); }

    nb::object view() {
        if (!view_.is_valid()) view_ = checked(PyMemoryView_FromObject(block_.ptr()));
        return view_;
    }

    // At least `min_room` bytes of block behind what is filled; doubles a block that has become too small.
    void make_room() {
        if (block_.is_valid() && capacity() - filled_ >= min_room) return;
        const size_t size = block_.is_valid() ? 2 * capacity() : first_capacity_;
        window_.reset();
        view_.reset();
        // Views that others still hold would forbid a resize; then the block is left to them.
        if (block_.is_valid() && Py_REFCNT(block_.ptr()) == 1) {
            if (PyByteArray_Resize(block_.ptr(), static_cast<Py_ssize_t>(size)) != 0) throw nb::python_error();
        } else {
            replace_block(size);
        }
    }

    void replace_block(size_t size) {
        nb::object fresh = checked(PyByteArray_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
        if (block_.is_valid()) std::memcpy(PyByteArray_AS_STRING(fresh.ptr()), data() + start_, filled_ - start_);
        filled_ -= start_;
        start_ = 0;
        block_ = std::move(fresh);
        window_.reset();
        view_.reset();
    }

    void take_messages(nb::list& requests) {
        bool handed_out = false;
        while (start_ < filled_) {
            if (splitter_.scan(data() + start_, filled_ - start_) != msgpack::Splitter::State::complete) break;
            const msgpack::Message& message = splitter_.message();
            const bool is_large = message.size >= large;
            handed_out |= is_large;
            requests.append(request(message, is_large));
            start_ += message.size;
        }
        if (handed_out) {
            first_capacity_ = std::min(capacity(), max_kept);
            leave_block();
        } else if (start_ == filled_) {
            start_ = filled_ = 0;
        } else if (start_ != 0) {
            std::memmove(data(), data() + start_, filled_ - start_);
            filled_ -= start_;
            start_ = 0;
        }
    }

    // The block belongs to the requests now; what is not theirs moves on.
    void leave_block() {
        if (start_ != filled_) return replace_block(std::max(first_capacity_, 2 * (filled_ - start_)));
        start_ = filled_ = 0;
        block_.reset();
        window_.reset();
        view_.reset();
    }

    // (id or None, method, params, arguments or None)
    nb::object request(const msgpack::Message& message, bool is_large) {
        nb::object base;
        if (is_large) base = checked(PyObject_CallMethod(view().ptr(), "toreadonly", nullptr));
        const auto part = [&](uint64_t begin, uint64_t end) {
            return is_large ? slice(base, start_ + begin, start_ + end) : copy(begin, end);
        };
        const msgpack::Message::Part params = message.params;
        nb::object packed_params = params.begin == params.end ? nb::object(nb::bytes("\xc0", 1))
                                                              : part(params.begin, params.end);
        nb::object arguments = nb::none();
        if (message.params_are_array) {
            nb::list list;
            for (size_t i = 0; i < message.arguments; ++i) {
                list.append(part(message.argument_begin[i], message.argument_begin[i + 1]));
            }
            arguments = std::move(list);
        }
        nb::object id = message.notify ? nb::none() : nb::object(nb::int_(message.id));
        return checked(PyTuple_Pack(4, id.ptr(), copy(message.method.begin, message.method.end).ptr(),
                                    packed_params.ptr(), arguments.ptr()));
    }

    nb::object copy(uint64_t begin, uint64_t end) const {
        return nb::bytes(reinterpret_cast<const char*>(data()) + start_ + begin, end - begin);
    }

    static nb::object slice(nb::handle view, size_t begin, size_t end) {
        const nb::object range =
            checked(PySlice_New(nb::int_(begin).ptr(), nb::int_(end).ptr(), nullptr));
        return checked(PyObject_GetItem(view.ptr(), range.ptr()));
    }

    static nb::object checked(PyObject* object) {
        if (object == nullptr) throw nb::python_error();
        return nb::steal(object);
    }

    msgpack::Splitter splitter_;
    nb::object block_;   // a bytearray, as long as its memory; absent until the first byte
    nb::object view_;    // of all of the block
    nb::object window_;  // what `room` gave out, and where it begins
    size_t window_begin_ = 0;
    size_t first_capacity_ = first_block;
    size_t start_ = 0;   // of the message that is being received
    size_t filled_ = 0;  // bytes of the block that are received
};

// `[1, id, error, result]` of an error and a result that are MessagePack already.
nb::bytes response(uint32_t id, std::string_view error, std::string_view result) {
    msgpack::Buffer head;
    msgpack::Writer<msgpack::Buffer> writer(head);
    writer.array(4);
    writer.unsigned_integer(1);
    writer.unsigned_integer(id);
    const size_t size = head.bytes.size() + error.size() + result.size();
    PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
    if (bytes == nullptr) throw nb::python_error();
    char* out = PyBytes_AS_STRING(bytes);
    for (const std::string_view part : {std::string_view(head.bytes), error, result}) {
        if (!part.empty()) std::memcpy(out, part.data(), part.size());
        out += part.size();
    }
    return nb::steal<nb::bytes>(bytes);
}

constexpr std::string_view nil("\xc0", 1);

}  // namespace

void bind_rpc(nb::module_& m) {
    nb::class_<Splitter>(m, "Splitter",
                         "Takes MessagePack-RPC requests out of a connection's bytes as they come.\n\n"
                         "A request is `(id, method, params, arguments)`: `id` is None for a notify, `method` the name's "
                         "bytes, `params` the MessagePack of all parameters (nil when there are none), `arguments` that of "
                         "each, at most 16, or None when `params` is no array. Of messages of 16 KiB and more, `params` "
                         "and `arguments` are memoryviews of the received bytes, else they are `bytes`.")
        .def(nb::init<uint64_t, size_t>(), nb::arg("max_message_bytes"), nb::arg("max_depth") = 32)
        .def("room", &Splitter::room, nb::sig("def room(self) -> memoryview"),
             "Memory for the next bytes, at least 32 KiB. It is valid until `received` is called.")
        .def("received", &Splitter::received, nb::arg("count"),
             nb::sig("def received(self, count: int) -> list[tuple[int | None, bytes, bytes | memoryview, "
                     "list[bytes | memoryview] | None]]"),
             "Take `count` bytes written into the room; returns the requests that are complete now.")
        .def("feed", &Splitter::feed, nb::arg("data"),
             nb::sig("def feed(self, data: bytes | bytearray | memoryview) -> list[tuple[int | None, bytes, "
                     "bytes | memoryview, list[bytes | memoryview] | None]]"),
             "Take bytes from elsewhere; returns the requests that are complete now.")
        .def_prop_ro("broken", &Splitter::broken_reason, nb::sig("def broken(self) -> str | None"),
                     "Why nothing more can be read, or None. Requests from before are good.")
        .def_prop_ro("too_large", &Splitter::too_large, "Whether the size limit is why nothing more can be read.")
        .def_prop_ro("unfinished_id", &Splitter::unfinished_id, nb::sig("def unfinished_id(self) -> int | None"),
                     "The id of the request that is not complete, or broken; None while it cannot be told.")
        .def_prop_ro("pending", &Splitter::pending, "Bytes of the message that is not complete yet.");

    m.def(
        "response",
        [](uint32_t id, nb::handle result) { return response(id, nil, Bytes(result).view()); }, nb::arg("id"),
        nb::arg("result"), nb::sig("def response(id: int, result: bytes | memoryview) -> bytes"),
        "The answer to a request, around a result that is MessagePack already.");
    m.def(
        "error_response",
        [](uint32_t id, nb::handle error, nb::handle result) {
            return response(id, Bytes(error).view(), Bytes(result).view());
        },
        nb::arg("id"), nb::arg("error"), nb::arg("result"),
        nb::sig("def error_response(id: int, error: bytes, result: bytes) -> bytes"),
        "The answer to a request that failed; error and result are MessagePack already.");
}

}  // namespace duma::bindings
