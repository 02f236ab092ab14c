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
from dataclasses import dataclass, replace
from typing import Any

from duma import _core
from duma.configuration import Boolean, Float32, Int64, Integer, check
from duma.configuration_form import Choice, Condition, Form, Member
from duma.convert.schema import CONVERTER_MEMBER
from duma.engines.signature_configuration import (
    SIGNATURE_METHODS,
    read_signature_configuration,
    require_room,
)
from duma.engines.unlearner_configuration import UNLEARNER, LruUnlearner, RandomUnlearner, read_unlearner
from duma.errors import ConfigurationError

_HASH_NUM = Member(
    Int64(),
    "bits of a signature: more are more exact and cost more",
    example=64,
    condition=Condition("1 <= hash_num", lambda bits: bits >= 1),
)
_THREADS = Member(Integer(), "for one projection", optional=True, default="the caller's alone")
_CACHE_SIZE = Member(
    Integer(),
    "features whose random numbers are kept",
    optional=True,
    default="0",
    condition=Condition("0 <= cache_size", lambda features: features >= 0),
)
_IGNORE_ORTHOGONAL = Member(
    Boolean(), "whether rows without a common feature are left out", optional=True, default="false"
)
_LATTICES = {
    "hash_num": replace(_HASH_NUM, meaning="coordinates of a lattice: more make cells smaller"),
    "table_num": Member(
        Int64(),
        "lattices: more find more, and cost more",
        example=4,
        condition=Condition("1 <= table_num", lambda tables: tables >= 1),
    ),
    "bin_width": Member(
        Float32(),
        "width of a lattice's cells, in the unit of the features",
        example=100,
        condition=Condition("0.0 < bin_width", lambda width: width > 0),  # NaN is refused, too
    ),
    "probe_num": Member(
        Integer(),
        "further cells to look into while too little is found",
        example=64,
        condition=Condition("0 <= probe_num", lambda cells: cells >= 0),
    ),
    "seed": Member(
        Integer(),
        "of the places of the lattices",
        example=1091,
        condition=Condition("0 <= seed", lambda seed: seed >= 0),
    ),
}
_PROJECTING = {"threads": _THREADS, "cache_size": _CACHE_SIZE}

_UNLEARNER = replace(UNLEARNER, missing="unlearner is set but unlearner_parameter is not found ({path})")
_SIGNATURE_METHODS = replace(SIGNATURE_METHODS, parameters_needed=True, missing="")


def _method(meaning: str, members: Mapping[str, Member], *choices: Choice) -> Form:
    return Form(meaning, members, (*choices, _UNLEARNER))


RECOMMENDER_METHODS = Choice(
    "method",
    "parameter",
    {
        "inverted_index": _method("exact, by the angle between rows", {}),
        "inverted_index_euclid": _method(
            "exact, by Euclid's distance", {"ignore_orthogonal": _IGNORE_ORTHOGONAL}
        ),
        "lsh": _method("the angle, from signatures", {"hash_num": _HASH_NUM} | _PROJECTING),
        "minhash": _method("weighted Jaccard similarity, from signatures", {"hash_num": _HASH_NUM}),
        "euclid_lsh": _method(
            "Euclid's distance, among rows in the same cells of random lattices", _LATTICES | _PROJECTING
        ),
        "nearest_neighbor_recommender": _method(
            "any method of the nearest neighbour engine", {}, _SIGNATURE_METHODS
        ),
    },
    missing="Object is expected, but Null is given. ()",  # Jubatus names no place
)

RECOMMENDER_FORM = Form(
    "finds rows that are alike and completes them", {"converter": CONVERTER_MEMBER}, (RECOMMENDER_METHODS,)
)


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
    top = check(RECOMMENDER_FORM.schema, configuration)
    index = read_recommender_index(top["method"], top.get("parameter"), ".parameter")
    return RecommenderConfiguration(index, top["converter"])


def read_recommender_index(method: str, parameter: Any, path: str) -> RecommenderIndexConfiguration:
    """The configuration of a method with its parameters, which stand at `path` (None where there are none).

    Raises `ConfigurationError`, `PlainConfigurationError` for an unknown method.
    """
    name, form = RECOMMENDER_METHODS.find(method)
    if parameter is None and not form.schema.mandatory:
        parameter = {}
    settings = check(form.schema, parameter, "" if parameter is None else path)
    form.require(settings, path)
    build, projections = _BUILDERS[name](settings, path)
    require_room(projections, path)
    return RecommenderIndexConfiguration(build, projections, _unlearner(name, settings, path))


def _unlearner(method: str, settings: Mapping[str, Any], path: str) -> LruUnlearner | RandomUnlearner | None:
    has, has_parameter = "unlearner" in settings, "unlearner_parameter" in settings
    if has and not has_parameter:
        raise ConfigurationError([_UNLEARNER.missing.format(path=path)])
    if has_parameter and not has and method != "nearest_neighbor_recommender":
        raise ConfigurationError([f"unlearner_parameter is set but unlearner is not found ({path})"])
    return read_unlearner(settings, path)


_Built = tuple[Callable[[], _core.RecommenderIndex], int]


def _inverted_index(settings: Mapping[str, Any], path: str) -> _Built:  # noqa: ARG001
    return _core.RecommenderIndex.inverted, 0


def _inverted_index_euclid(settings: Mapping[str, Any], path: str) -> _Built:  # noqa: ARG001
    ignore_orthogonal = settings.get("ignore_orthogonal", False)
    return lambda: _core.RecommenderIndex.inverted_euclid(ignore_orthogonal), 0


def _lsh(settings: Mapping[str, Any], path: str) -> _Built:  # noqa: ARG001
    bits, threads, cache_size = (
        settings["hash_num"],
        settings.get("threads", 0),
        settings.get("cache_size", 0),
    )
    return lambda: _core.RecommenderIndex.lsh(bits, threads, cache_size), bits


def _minhash(settings: Mapping[str, Any], path: str) -> _Built:  # noqa: ARG001
    bits = settings["hash_num"]
    return lambda: _core.RecommenderIndex.minhash(bits), bits


def _euclid_lsh(settings: Mapping[str, Any], path: str) -> _Built:  # noqa: ARG001
    numbers = {name: settings[name] for name in _LATTICES}
    threads, cache_size = settings.get("threads", 0), settings.get("cache_size", 0)
    return (
        lambda: _core.RecommenderIndex.euclid_lsh(**numbers, threads=threads, cache_size=cache_size),
        numbers["hash_num"] * numbers["table_num"],
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
