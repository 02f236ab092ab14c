"""One declaration per method.

A method of an engine is an ordinary Python method with types, marked `@update` or `@analysis`:

    class Classifier(Engine):
        @update(route=RANDOM)
        def train(self, data: Packed[list[LabeledDatum]]) -> int:
            return self._model.train(data)

The mark reads the signature once and keeps a `Method`: the server dispatches by it, the client has a method for it, the
proxy routes by it, the journal asks it whether to record. Called in Python, the method takes and gives Python values;
called with `Method.call_packed`, it takes and gives MessagePack. `Packed[T]` marks an argument or a result that stays
MessagePack inside the method's body, for the core to read or as the core wrote it.
"""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial, update_wrapper
from typing import Annotated, Any, ClassVar, TypeVar

from duma.engines.wire_types import WireType, wire_type
from duma.errors import ArgumentMismatch

T = TypeVar("T")
Buffer = bytes | memoryview


class _Packed:
    """Marks what stays MessagePack inside a method."""


Packed = Annotated[T, _Packed]


@dataclass(frozen=True, slots=True)
class Route:
    """To which servers of a cluster a proxy sends a call: `random` one, `broadcast` all, `cht` the `replicas` ring
    successors of the first argument, `internal` none (from server to server only)."""

    kind: str
    replicas: int = 0


RANDOM = Route("random")
BROADCAST = Route("broadcast")
CHT1 = Route("cht", 1)
CHT2 = Route("cht", 2)
INTERNAL = Route("internal")


class Aggregator(Enum):
    """How a proxy makes one answer of several."""

    PASS = "pass"
    ALL_AND = "all_and"
    ALL_OR = "all_or"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a method."""

    name: str
    type: WireType
    packed: bool


# Whether a call may take long though its arguments are few, such as a search through many rows: always or never, or as
# a look at the engine tells. A server runs such a call in a thread.
Slow = bool | Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Method:
    """Everything that is known of one method."""

    name: str
    updates: bool
    counted: bool  # whether Jubatus' update_count rises
    slow: Slow  # whether a call may take long though its arguments are few
    route: Route
    aggregator: Aggregator
    parameters: tuple[Parameter, ...]
    result: WireType
    result_packed: bool
    body: Callable[..., Any]
    signature: inspect.Signature
    documentation: str

    def call_packed(self, target: object, arguments: Sequence[Buffer]) -> bytes:
        """Call with the MessagePack of each argument (more than declared are ignored); returns MessagePack.

        Raises `ArgumentMismatch` for too few arguments or other types, and whatever the method raises.
        """
        result = self.apply_packed(target, arguments)
        packed: bytes = result if self.result_packed else self.result.pack(result)
        return packed

    def apply_packed(self, target: object, arguments: Sequence[Buffer]) -> Any:
        """Like `call_packed`, for one who does not want the result in MessagePack: returns what the body does."""
        if len(arguments) < len(self.parameters):
            raise ArgumentMismatch(
                f"{self.name} takes {len(self.parameters)} arguments, {len(arguments)} given"
            )
        values = [
            argument if parameter.packed else parameter.type.unpack(argument)
            for parameter, argument in zip(self.parameters, arguments, strict=False)
        ]
        return self.body(target, *values)

    def call(self, target: object, *args: Any, **kwargs: Any) -> Any:
        """Call with Python values."""
        arguments = self.bind(args, kwargs)
        values = [
            parameter.type.pack(value) if parameter.packed else parameter.type.accept(value)
            for parameter, value in zip(self.parameters, arguments, strict=True)
        ]
        result = self.body(target, *values)
        return self.result.unpack(result) if self.result_packed else result

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """The arguments in declared order. Raises `TypeError` like a Python call."""
        if not kwargs and len(args) == len(self.parameters):
            return list(args)  # which is what binding gives, at a tenth of its price
        return list(self.signature.bind(*args, **kwargs).arguments.values())


class _Declared:
    """What stands in the class for a declared method: the Python call on an instance, itself on the class."""

    def __init__(self, method: Method) -> None:
        self.method = method
        update_wrapper(self, method.body)  # type: ignore[arg-type]

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return partial(self.method.call, instance)


def update(
    *,
    route: Route,
    aggregator: Aggregator = Aggregator.PASS,
    counted: bool = True,
    slow: Slow = False,
) -> Callable[[Callable[..., Any]], Any]:
    """Declares a method that changes the model."""
    return partial(_declare, updates=True, counted=counted, slow=slow, route=route, aggregator=aggregator)


def analysis(
    *, route: Route, aggregator: Aggregator = Aggregator.PASS, slow: Slow = False
) -> Callable[[Callable[..., Any]], Any]:
    """Declares a method that only reads the model."""
    return partial(_declare, updates=False, counted=False, slow=slow, route=route, aggregator=aggregator)


def declared_methods(owner: type) -> dict[str, Method]:
    """The methods declared in a class and its bases, base first.

    A subclass may override a declared method by an ordinary one: the declaration stays, the body is the new one.
    """
    found: dict[str, Method] = {}
    for base in reversed(owner.__mro__):
        for name, item in vars(base).items():
            if isinstance(item, _Declared):
                found[name] = item.method
            elif name in found and callable(item):
                found[name] = replace(found[name], body=item)
    return found


def _declare(
    body: Callable[..., Any],
    *,
    updates: bool,
    counted: bool,
    slow: Slow,
    route: Route,
    aggregator: Aggregator,
) -> _Declared:
    hints = typing.get_type_hints(body, include_extras=True)
    signature = inspect.signature(body)
    signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    result, result_packed = _declared_type(hints["return"])
    parameters = []
    for name in signature.parameters:
        declared, packed = _declared_type(hints[name])
        parameters.append(Parameter(name, declared, packed))
    return _Declared(
        Method(
            name=body.__name__,
            updates=updates,
            counted=counted,
            slow=slow,
            route=route,
            aggregator=aggregator,
            parameters=tuple(parameters),
            result=result,
            result_packed=result_packed,
            body=body,
            signature=signature,
            documentation=inspect.getdoc(body) or "",
        )
    )


def _declared_type(hint: Any) -> tuple[WireType, bool]:
    if typing.get_origin(hint) is Annotated:
        inner, *marks = typing.get_args(hint)
        return wire_type(inner), _Packed in marks
    return wire_type(hint), False


class Declared:
    """A class with declared methods; `methods` has them by name."""

    methods: ClassVar[Mapping[str, Method]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.methods = declared_methods(cls)
