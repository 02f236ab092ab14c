"""Extractors written in Python: what Jubatus configurations load through `libpython_bridge.so`.

    "string_types": {"stem": {"method": "dynamic", "path": "libpython_bridge.so", "function": "word_splitter",
                              "module": "sentence_stemmer", "class": "SentenceStemmer"}}

The class has a `create` method, called with all entries of the type; what it returns has the method of its
interface:

| function         | in             | method                            | returns a list of tuples     |
|------------------|----------------|-----------------------------------|------------------------------|
| `string_feature` | `string_types` | `extract(text: str)`              | begin, length, value, score  |
| `word_splitter`  | `string_types` | `split(text: str)`                | begin, length (both in bytes)|
| `num_feature`    | `num_types`    | `extract(key: str, value: float)` | feature key, value           |
| `binary_feature` | `binary_types` | `extract(key: str, value: bytes)` | feature key, value           |

`key` is `<key of the datum>@<name of the type>`. Modules are looked for in `$JUBATUS_PLUGIN_PATH/python`,
too. Plugins in C++ are made for Jubatus' own classes and cannot be loaded.
"""

import importlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from duma.convert.errors import ConversionError, ConverterError, out_of_range
from duma.convert.parameters import Parameters, required

_log = logging.getLogger(__name__)

NamedValues = list[tuple[bytes, float]]

_BRIDGE = "libpython_bridge.so"
_INSTEAD = (
    "plugins in C++ cannot be loaded by this server; write the extractor as a Python class and name it with "
    f'"path": "{_BRIDGE}", "function", "module" and "class"'
)


def load_plugin(parameters: Parameters, section: str) -> Callable[..., NamedValues]:
    """The function that the core calls for a type with the method `dynamic`, in a section such as
    `string_types`.

    Raises `ConverterError`. The function raises `ConversionError` when the plugin fails or returns
    something else than its interface asks for.
    """
    function = _function(parameters)
    interface = _INTERFACES.get((section, function))
    if interface is None:
        known = [name for there, name in _INTERFACES if there == section]
        raise ConverterError(f"cannot dlsym: {function}", f"{section} can have {', '.join(known)}")
    return interface(_instance(parameters))


def refuse_plugin(parameters: Parameters, section: str) -> NoReturn:
    """Raises the `ConverterError` for a plugin where only C++ could give one: filters and combiners."""
    raise ConverterError(f"cannot dlsym: {_function(parameters)}", f"{section} cannot have Python plugins")


def _function(parameters: Parameters) -> str:
    path = required(parameters, "path")
    function = required(parameters, "function")
    if Path(path).name != _BRIDGE:
        raise ConverterError(f"cannot load dynamic library: {path}: {_INSTEAD}")
    return function


def _instance(parameters: Parameters) -> Any:
    for name in ("module", "class"):
        if name not in parameters:
            raise ConverterError(f"{name} parameter is missing")
    module_name, class_name = parameters["module"], parameters["class"]
    _find_plugin_folder()
    # A plugin is somebody else's code: it can raise anything.
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ConverterError(
            f"cannot import module (maybe PYTHONPATH is not set properly?): {module_name}", _shown(error)
        ) from error
    try:
        plugin_class = getattr(module, class_name)
    except AttributeError as error:
        raise ConverterError(f"cannot get class from module: {class_name}", str(error)) from error
    try:
        create = plugin_class.create
    except AttributeError as error:
        raise ConverterError(f"cannot get create method of the class: {class_name}", str(error)) from error
    try:
        return create(dict(parameters))
    except Exception as error:
        raise ConverterError(
            f"failed to call create method of the class: {class_name}", _shown(error)
        ) from error


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _find_plugin_folder() -> None:
    folder = os.environ.get("JUBATUS_PLUGIN_PATH")
    if folder:
        modules = str(Path(folder) / "python")
        if modules not in sys.path:
            sys.path.append(modules)


# --- the interfaces ---


def _string_feature(instance: Any) -> Callable[[bytes], NamedValues]:
    def extract(text: bytes) -> NamedValues:
        argument = _decoded(text, "text")
        elements = []
        for begin, length, value, score in _tuples(instance, "extract", 4, argument):
            _integer("begin", begin)
            _integer("length", length)
            elements.append((_encoded("value", value), _real("score", score)))
        return elements

    return extract


def _word_splitter(instance: Any) -> Callable[[bytes], NamedValues]:
    def split(text: bytes) -> NamedValues:
        argument = _decoded(text, "text")
        elements = []
        for begin, length in _tuples(instance, "split", 2, argument):
            start, count = _integer("begin", begin), _integer("length", length)
            if not 0 <= start <= len(text):
                raise out_of_range(start, len(text))
            elements.append((text[start : start + count] if count >= 0 else text[start:], 1.0))
        return elements

    return split


def _num_feature(instance: Any) -> Callable[[bytes, float], NamedValues]:
    def extract(key: bytes, value: float) -> NamedValues:
        return _features(instance, _decoded(key, "key"), value)

    return extract


def _binary_feature(instance: Any) -> Callable[[bytes, bytes], NamedValues]:
    def extract(key: bytes, value: bytes) -> NamedValues:
        return _features(instance, _decoded(key, "key"), value)

    return extract


_INTERFACES: dict[tuple[str, str], Callable[[Any], Callable[..., NamedValues]]] = {
    ("string_types", "string_feature"): _string_feature,
    ("string_types", "word_splitter"): _word_splitter,
    ("num_types", "num_feature"): _num_feature,
    ("binary_types", "binary_feature"): _binary_feature,
}


# --- values from and to the plugin ---


def _features(instance: Any, *arguments: Any) -> NamedValues:
    return [
        (_encoded("feature key", key).partition(b"\0")[0], _real("feature value", value))
        for key, value in _tuples(instance, "extract", 2, *arguments)
    ]


def _tuples(instance: Any, method: str, length: int, *arguments: Any) -> list[Any]:
    """What a method of the plugin returns, which must be a list of tuples."""
    try:
        result = getattr(instance, method)(*arguments)
    except Exception as error:
        _log.exception("%s method of a plugin failed", method)
        raise ConversionError(f"{method} method cannot be called") from error
    if type(result) is not list:
        raise ConversionError(f"{method} method returned non-list type: {result!r}")
    for item in result:
        if type(item) is not tuple:
            raise ConversionError(f"list must not contain non-tuple: {item!r}")
        if len(item) != length:
            raise ConversionError(f"tuple length must be {length}: {item!r}")
    return result


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        readable = data.decode("utf-8", "backslashreplace")
        raise ConversionError(f"cannot convert input {what} to Python object: {readable}") from error


def _encoded(what: str, value: Any) -> bytes:
    if type(value) is not str:
        raise ConversionError(f"{what} must be a unicode string: {value!r}")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ConversionError(f"{what} cannot be encoded: {value!r}") from error


def _integer(what: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConversionError(f"{what} must be a number: {value!r}") from error


def _real(what: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConversionError(f"{what} must be a number: {value!r}") from error
