"""Filters: what string and number values are turned into before features are taken from them."""

from collections.abc import Callable

from duma import _core
from duma.configuration import InvalidParameter
from duma.convert.errors import ConverterError
from duma.convert.parameters import Parameters, number, required
from duma.convert.plugins import refuse_plugin
from duma.convert.regexps import regexp_filter


def build_string_filter(method: str, parameters: Parameters) -> Callable[[bytes], bytes]:
    """The string filter of a type. Raises `ConverterError`."""
    if method == "regexp":
        return regexp_filter(required(parameters, "pattern"), required(parameters, "replace"))
    if method == "dynamic":
        refuse_plugin(parameters, "string_filter_types")
    raise ConverterError(f"unknown filter name: {method}")


def build_num_filter(method: str, parameters: Parameters) -> _core.NumFilter:
    """The number filter of a type. Raises `ConverterError` or `InvalidParameter`."""
    if method == "add":
        return _core.NumFilter.add(number("value", required(parameters, "value")))
    if method == "linear_normalization":
        low = number("min", required(parameters, "min"))
        high = number("max", required(parameters, "max"))
        if high <= low:
            raise InvalidParameter("maximum must be bigger than minimum", f"min is {low:g}, max is {high:g}")
        return _core.NumFilter.linear(low, high, parameters.get("truncate", "True") == "True")
    if method == "gaussian_normalization":
        average = number("average", required(parameters, "average"))
        deviation = number("standard_deviation", required(parameters, "standard_deviation"))
        if deviation < 0:
            raise InvalidParameter("standard deviation must be non-negative", f"it is {deviation:g}")
        return _core.NumFilter.gaussian(average, deviation)
    if method == "sigmoid_normalization":
        gain = number("gain", parameters.get("gain", "1"))
        bias = number("bias", parameters.get("bias", "0"))
        if gain == 0:
            raise InvalidParameter("gain must not be zero")
        return _core.NumFilter.sigmoid(gain, bias)
    if method == "dynamic":
        refuse_plugin(parameters, "num_filter_types")
    raise ConverterError(f"unknown num filter name: {method}")
