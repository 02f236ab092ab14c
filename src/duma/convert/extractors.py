"""Extractors: how features are taken from values, and combiners: how from pairs of features."""

from duma import _core
from duma.configuration import to_bytes
from duma.convert.errors import ConverterError
from duma.convert.numbers import int_prefix
from duma.convert.parameters import Parameters, required
from duma.convert.plugins import load_plugin, refuse_plugin
from duma.convert.regexps import regexp_splitter


def build_string_extractor(method: str, parameters: Parameters) -> _core.StringExtractor:
    """The string extractor of a type. Raises `ConverterError`."""
    if method == "ngram":
        text = required(parameters, "char_num")
        length = int_prefix(text)
        if length is None:
            raise ConverterError(f'"char_num" must be an integer value: {text}')
        if length < 1:
            raise ConverterError(f"char_num must be positive integer: {length}")
        return _core.StringExtractor.ngram(length)
    if method == "regexp":
        if "pattern" not in parameters:
            raise ConverterError("not found: pattern")
        text = parameters.get("group", "0")
        group = int_prefix(text)
        if group is None:
            raise ConverterError(f"is not integer: group = {text}")
        return _core.StringExtractor.callback(regexp_splitter(parameters["pattern"], group))
    if method == "split":
        if "separators" not in parameters:
            raise ConverterError("not found: separators")
        return _core.StringExtractor.separators(to_bytes(parameters["separators"]))
    if method == "dynamic":
        return _core.StringExtractor.callback(load_plugin(parameters, "string_types"))
    raise ConverterError(f"unknown splitter name: {method}")


def build_num_extractor(method: str, parameters: Parameters) -> _core.NumExtractor:
    """The number extractor of a type. Raises `ConverterError`."""
    if method == "dynamic":
        return _core.NumExtractor.callback(load_plugin(parameters, "num_types"))
    raise ConverterError(f"unknown num feature name: {method}")


def build_binary_extractor(method: str, parameters: Parameters) -> _core.BinaryExtractor:
    """The binary extractor of a type. Raises `ConverterError`."""
    if method == "dynamic":
        return _core.BinaryExtractor.callback(load_plugin(parameters, "binary_types"))
    raise ConverterError(f"unknown binary feature name: {method}")


def build_combiner(method: str, parameters: Parameters) -> _core.Combiner:
    """The combiner of a type. Raises `ConverterError`."""
    if method == "dynamic":
        refuse_plugin(parameters, "combination_types")
    raise ConverterError(f"unknown combination feature name: {method}")
