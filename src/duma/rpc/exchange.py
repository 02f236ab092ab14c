"""The client's half of MessagePack-RPC without a socket: requests to bytes, bytes to results.

The synchronous and the asynchronous client differ only in how they move the bytes.
"""

import inspect
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import msgpack

from duma.engines.common import CommonMethods
from duma.engines.declaration import Declared, Method
from duma.engines.wire_types import pack
from duma.errors import ArgumentMismatch
from duma.rpc.errors import RPCError, TransportError, TypeMismatch, UnknownMethod

AnyClient = TypeVar("AnyClient")
Connection = TypeVar("Connection")

_MAX_ID = 2**30  # the next one is 0 again, as with Jubatus' client


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it came. Everything raw in it is `bytes`."""

    id: int
    error: Any
    result: Any


def pack_params(method: Method, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    """The parameters of a call, `name` being the cluster's.

    Raises `TypeError` like a Python call, and `ArgumentMismatch` for a value of another type than declared.
    """
    values = method.bind(args, kwargs)
    return pack([name, *(p.type.to_wire(value) for p, value in zip(method.parameters, values, strict=True))])


class Exchange:
    """The requests and answers of one connection."""

    def __init__(self) -> None:
        self._next_id = 0
        self._unpacker = msgpack.Unpacker(raw=True, strict_map_key=False, max_buffer_size=2**32 - 1)

    def request(self, method: Method, params: bytes) -> tuple[int, bytes]:
        """The id and the bytes of a call with these parameters."""
        id_ = self._next_id
        self._next_id = (id_ + 1) % _MAX_ID
        return id_, b"".join((b"\x94\x00", pack(id_), pack(method.name), params))

    def receive(self, data: bytes) -> Iterator[Answer]:
        """The answers that are complete with these bytes. Raises `TransportError` when they are none."""
        self._unpacker.feed(data)
        try:
            for message in self._unpacker:
                if not isinstance(message, list) or len(message) != 4 or message[0] != 1:
                    raise TransportError("what came is not a MessagePack-RPC response")
                yield Answer(*message[1:])
        except (ValueError, msgpack.exceptions.UnpackException) as error:
            raise TransportError(f"what came is not MessagePack: {error}") from error


def result_of(method: Method, answer: Answer) -> Any:
    """The value that a call returned; raises what went wrong with it instead."""
    if answer.error is None:
        try:
            return method.result.from_wire(answer.result)
        except ArgumentMismatch as error:
            raise TypeMismatch(
                f"the result of {method.name} has another type than declared: {error}"
            ) from error
    if answer.error == 1:
        raise UnknownMethod(f"the server has no method {method.name}")
    if answer.error == 2:
        raise TypeMismatch(f"an argument of {method.name} has another type than the server expects")
    raise RPCError(_text(answer.error))


class BaseClient(Generic[Connection]):
    """What clients of both colours have."""

    methods: ClassVar[Mapping[str, Method]] = {}

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    def get_client(self) -> Connection:
        """The connection."""
        return self._connection

    def get_name(self) -> str:
        """The name of the cluster that is called."""
        return self._name

    def set_name(self, new_name: str) -> None:
        """Call another cluster from now on."""
        self._name = new_name


def make_client_class(
    base: type[AnyClient], engine: type[Declared], make: Callable[[Method], Callable[..., Any]]
) -> type[AnyClient]:
    """A client class with a method from `make` for each of the engine's and those that every server has."""
    methods = {**CommonMethods.methods, **engine.methods}
    namespace: dict[str, Any] = {"methods": methods, "__doc__": engine.__doc__, "__module__": base.__module__}
    for name, method in methods.items():
        function = make(method)
        function.__name__ = name
        function.__qualname__ = f"{engine.__name__}.{name}"
        function.__doc__ = method.documentation
        self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = [self, *method.signature.parameters.values()]
        function.__signature__ = method.signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        namespace[name] = function
    return type(engine.__name__, (base,), namespace)


def reason(error: OSError) -> str:
    """Why an operation on a socket failed, in the system's words."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _text(error: Any) -> str:
    return error.decode("utf-8", "surrogateescape") if isinstance(error, bytes) else str(error)
