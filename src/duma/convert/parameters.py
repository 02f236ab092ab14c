"""The parameters of a type: a flat map of texts."""

from collections.abc import Mapping

from duma.convert.errors import ConverterError
from duma.convert.numbers import float_prefix

Parameters = Mapping[str, str]


def required(parameters: Parameters, name: str) -> str:
    """Raises `ConverterError` when it is absent."""
    if name not in parameters:
        raise ConverterError(f'"{name}" is not specified in parameters')
    return parameters[name]


def number(name: str, text: str) -> float:
    """The number that the text of a parameter starts with. Raises `ConverterError` when there is none.

    The error starts with what Jubatus says, a bare C++ exception, and goes on with what it does not say.
    """
    value = float_prefix(text)
    if value is None:
        raise ConverterError("std::bad_cast", f'"{name}" must be a number, but is "{text}"')
    return value
