"""The datum: one record of string, number and binary values."""

from collections.abc import Iterable, Mapping
from typing import Any

from duma.errors import ArgumentMismatch


class Datum:
    """One record. Keys may repeat and order is kept.

        Datum({"title": "deep sea", "age": 29, "icon": b"..."})

    Text becomes a string value, `int` and `float` a number value (a double), `bytes` a binary value.
    """

    __slots__ = ("binary_values", "num_values", "string_values")

    def __init__(self, values: Mapping[str, str | int | float | bytes] | None = None) -> None:
        self.string_values: list[tuple[str, str]] = []
        self.num_values: list[tuple[str, float]] = []
        self.binary_values: list[tuple[str, bytes]] = []
        for key, value in (values or {}).items():
            if isinstance(value, str):
                self.add_string(key, value)
            elif isinstance(value, bytes):
                self.add_binary(key, value)
            else:
                self.add_number(key, value)

    def add_string(self, key: str, value: str) -> "Datum":
        """Add a string value; returns this datum."""
        self.string_values.append((_text(key, "key"), _text(value, f"string value of {key!r}")))
        return self

    def add_number(self, key: str, value: int | float) -> "Datum":
        """Add a number value; returns this datum."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"number value of {key!r} must be int or float, not {type(value).__name__}")
        self.num_values.append((_text(key, "key"), float(value)))
        return self

    def add_binary(self, key: str, value: bytes) -> "Datum":
        """Add a binary value; returns this datum."""
        if not isinstance(value, bytes):
            raise TypeError(f"binary value of {key!r} must be bytes, not {type(value).__name__}")
        self.binary_values.append((_text(key, "key"), value))
        return self

    def to_wire(self) -> Any:
        """Three lists of pairs."""
        return [self.string_values, self.num_values, self.binary_values]

    @classmethod
    def from_wire(cls, value: Any) -> "Datum":
        """From three lists of pairs; lists missing at the end are empty, further ones are ignored."""
        if not isinstance(value, list):
            raise ArgumentMismatch(f"a datum is expected, but {type(value).__name__} is given")
        datum = cls()
        strings, numbers, binaries = [*value, [], [], []][:3]
        try:
            datum.string_values = [(_decoded(k), _decoded(v)) for k, v in strings]
            datum.num_values = [(_decoded(k), float(v)) for k, v in numbers]
            datum.binary_values = [(_decoded(k), bytes(v)) for k, v in binaries]
        except (TypeError, ValueError, AttributeError) as error:
            raise ArgumentMismatch(f"not a datum: {error}") from error
        return datum

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Datum) and self.to_wire() == other.to_wire()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        values: Iterable[tuple[str, Any]] = [*self.string_values, *self.num_values, *self.binary_values]
        return "Datum(" + ", ".join(f"{key}={value!r}" for key, value in values) + ")"


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} must be str, not {type(value).__name__}")
    return value


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
