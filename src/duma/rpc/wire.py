"""The messages of MessagePack-RPC.

    request   [0, id, method, params]      id: uint32, method: raw, params: array
    response  [1, id, error, result]       error is nil on success
    notify    [2, method, params]          never answered

Errors are the number 1 (unknown method; the result is its name), the number 2 (an argument has another type;
the result is `std::bad_cast`, which is what C++ said) or a text. The first parameter of nearly every method
is the cluster's name, which only a proxy looks at.
"""

from duma._core import Splitter, error_response, response
from duma.engines.declaration import Buffer
from duma.engines.wire_types import pack

__all__ = [
    "NIL",
    "Request",
    "Splitter",
    "argument_error",
    "failure",
    "is_raw",
    "response",
    "unknown_method",
]

# What a `Splitter` returns: id (None: a notify), method, params, arguments (None: params is no array).
Request = tuple[int | None, bytes, Buffer, list[Buffer] | None]

NIL = b"\xc0"
UNKNOWN_METHOD = b"\x01"
ARGUMENT_ERROR = b"\x02"
_BAD_CAST = pack("std::bad_cast")
_RAW_TAGS = frozenset((*range(0xA0, 0xC0), 0xC4, 0xC5, 0xC6, 0xD9, 0xDA, 0xDB))


def unknown_method(id: int, name: bytes) -> bytes:  # noqa: A002 - the protocol's word
    """The answer to a request for a method that the server does not have."""
    return error_response(id, UNKNOWN_METHOD, pack(name))


def argument_error(id: int) -> bytes:  # noqa: A002
    """The answer to a request whose arguments do not have the method's types."""
    return error_response(id, ARGUMENT_ERROR, _BAD_CAST)


def failure(id: int, text: str) -> bytes:  # noqa: A002
    """The answer to a request that failed, with a text for its sender."""
    try:
        error = pack(text)
    except UnicodeEncodeError:  # half a surrogate pair, as JSON may hold
        error = pack(text.encode("utf-8", "replace"))
    return error_response(id, error, NIL)


def is_raw(packed: Buffer) -> bool:
    """Whether the MessagePack value is a string, old or new type."""
    return packed[0] in _RAW_TAGS
