"""The configuration of the recommender.

| method                         | parameters                                                | optional                |
|--------------------------------|-----------------------------------------------------------|-------------------------|
| `inverted_index`               |                                                           |                         |
| `inverted_index_euclid`        |                                                           | `ignore_orthogonal`     |
| `lsh`                          | `hash_num`                                                | `threads`, `cache_size` |
| `minhash`                      | `hash_num`                                                |                         |
| `euclid_lsh`                   | `hash_num`, `table_num`, `bin_width`, `probe_num`, `seed` | `threads`, `cache_size` |
| `nearest_neighbor_recommender` | `method`, `parameter`, those of `nearest_neighbor`        |                         |

Each can have an `unlearner` with its `unlearner_parameter`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from duma import _core
from duma.configuration import (
    AnyValue,
    Boolean,
    Float32,
    Int64,
    Integer,
    InvalidParameter,
    Object,
    Schema,
    String,
    UnsupportedMethod,
    check,
    located,
)
from duma.convert.schema import CONVERTER
from duma.engines.signature_configuration import read_signature_configuration
from duma.engines.unlearner_configuration import (
    UNLEARNER_MEMBERS,
    LruUnlearner,
    RandomUnlearner,
    read_unlearner,
)
from duma.errors import ConfigurationError

_TOP = Object(mandatory={"method": String(), "converter": CONVERTER}, optional={"parameter": AnyValue()})

_PROJECTING: dict[str, Schema] = {"threads": Integer(), "cache_size": Integer()}
_EUCLID_LSH: dict[str, Schema] = {
    "hash_num": Int64(),
    "table_num": Int64(),
    "bin_width": Float32(),
    "probe_num": Integer(),
    "seed": Integer(),
}
_MANDATORY: dict[str, dict[str, Schema]] = {
    "inverted_index": {},
    "inverted_index_euclid": {},
    "lsh": {"hash_num": Int64()},
    "minhash": {"hash_num": Int64()},
    "euclid_lsh": _EUCLID_LSH,
    "nearest_neighbor_recommender": {"method": String(), "parameter": AnyValue()},
}
_OPTIONAL: dict[str, dict[str, Schema]] = {
    "inverted_index_euclid": {"ignore_orthogonal": Boolean()},
    "lsh": _PROJECTING,
    "euclid_lsh": _PROJECTING,
}

MAX_PROJECTIONS = 1 << 24  # more would take gigabytes and seconds for one row


@dataclass(frozen=True, slots=True)
class RecommenderIndexConfiguration:
    """How a recommender finds rows: a method with its parameters."""

    build: Callable[[], _core.RecommenderIndex]
    projections: int  # random numbers per feature of a signature; 0 where there is none
    unlearner: LruUnlearner | RandomUnlearner | None

    def build_unlearner(self) -> _core.Unlearner | None:
        """The core's unlearner, if there is one."""
        return self.unlearner.build() if self.unlearner else None


@dataclass(frozen=True, slots=True)
class RecommenderConfiguration:
    """What a recommender is built from."""

    index: RecommenderIndexConfiguration
    converter: dict[str, Any]  # the section, checked for names and types


def read_recommender_configuration(configuration: Any) -> RecommenderConfiguration:
    """Check a parsed configuration. The converter's rules themselves are not looked at.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    top = check(_TOP, configuration)
    index = read_recommender_index(top["method"], top.get("parameter"), ".parameter")
    return RecommenderConfiguration(index, top["converter"])


def read_recommender_index(method: str, parameter: Any, path: str) -> RecommenderIndexConfiguration:
    """The configuration of a method with its parameters, which stand at `path` (None where there are none).

    Raises `ConfigurationError`, `UnsupportedMethod` for an unknown method.
    """
    if method not in _MANDATORY:
        raise UnsupportedMethod(method, f"known are {', '.join(_MANDATORY)}")
    schema = Object(_MANDATORY[method], _OPTIONAL.get(method, {}) | UNLEARNER_MEMBERS)
    if parameter is None and not _MANDATORY[method]:
        parameter = {}
    settings = check(schema, parameter, "" if parameter is None else path)
    build, projections = _BUILDERS[method](settings, path)
    return RecommenderIndexConfiguration(build, projections, _unlearner(method, settings, path))


def _unlearner(method: str, settings: Mapping[str, Any], path: str) -> LruUnlearner | RandomUnlearner | None:
    has, has_parameter = "unlearner" in settings, "unlearner_parameter" in settings
    if has and not has_parameter:
        raise ConfigurationError([f"unlearner is set but unlearner_parameter is not found ({path})"])
    if has_parameter and not has and method != "nearest_neighbor_recommender":
        raise ConfigurationError([f"unlearner_parameter is set but unlearner is not found ({path})"])
    return read_unlearner(settings, path)


_Built = tuple[Callable[[], _core.RecommenderIndex], int]


def _inverted_index(settings: Mapping[str, Any], path: str) -> _Built:  # noqa: ARG001
    return _core.RecommenderIndex.inverted, 0


def _inverted_index_euclid(settings: Mapping[str, Any], path: str) -> _Built:  # noqa: ARG001
    ignore_orthogonal = settings.get("ignore_orthogonal", False)
    return lambda: _core.RecommenderIndex.inverted_euclid(ignore_orthogonal), 0


def _lsh(settings: Mapping[str, Any], path: str) -> _Built:
    with located(path):
        _check_least(settings, "hash_num", 1)
        _check_projections(settings["hash_num"])
        threads, cache_size = _projecting(settings)
    return lambda: _core.RecommenderIndex.lsh(settings["hash_num"], threads, cache_size), settings["hash_num"]


def _minhash(settings: Mapping[str, Any], path: str) -> _Built:
    with located(path):
        _check_least(settings, "hash_num", 1)
        _check_projections(settings["hash_num"])
    return lambda: _core.RecommenderIndex.minhash(settings["hash_num"]), settings["hash_num"]


def _euclid_lsh(settings: Mapping[str, Any], path: str) -> _Built:
    with located(path):
        _check_least(settings, "hash_num", 1)
        _check_least(settings, "table_num", 1)
        if not settings["bin_width"] > 0:  # NaN is refused, too
            raise InvalidParameter("0.0 < bin_width", f"it is {settings['bin_width']:g}")
        _check_least(settings, "probe_num", 0)
        _check_least(settings, "seed", 0)
        projections = settings["hash_num"] * settings["table_num"]
        _check_projections(projections)
        threads, cache_size = _projecting(settings)
    numbers = {name: settings[name] for name in _EUCLID_LSH}
    return (
        lambda: _core.RecommenderIndex.euclid_lsh(**numbers, threads=threads, cache_size=cache_size),
        projections,
    )


def _nearest_neighbor(settings: Mapping[str, Any], path: str) -> _Built:
    signatures = read_signature_configuration(settings["method"], settings["parameter"], f"{path}.parameter")
    return lambda: _core.RecommenderIndex.table(signatures.build()), signatures.hash_num


_BUILDERS: dict[str, Callable[[Mapping[str, Any], str], _Built]] = {
    "inverted_index": _inverted_index,
    "inverted_index_euclid": _inverted_index_euclid,
    "lsh": _lsh,
    "minhash": _minhash,
    "euclid_lsh": _euclid_lsh,
    "nearest_neighbor_recommender": _nearest_neighbor,
}


def _check_least(settings: Mapping[str, Any], name: str, least: int) -> None:
    if settings[name] < least:
        raise InvalidParameter(f"{least} <= {name}", f"it is {settings[name]}")


def _check_projections(projections: int) -> None:
    if projections > MAX_PROJECTIONS:
        raise InvalidParameter(
            f"bits of a signature <= {MAX_PROJECTIONS}", f"there would be {projections} for each row"
        )


def _projecting(settings: Mapping[str, Any]) -> tuple[int, int]:
    """Threads for one projection, and the features whose random numbers are kept."""
    cache_size = settings.get("cache_size", 0)
    if cache_size < 0:
        raise InvalidParameter("0 <= cache_size", f"it is {cache_size}")
    return settings.get("threads", 0), cache_size
