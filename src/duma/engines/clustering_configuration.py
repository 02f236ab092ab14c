"""The configuration of the clustering.

| method   | parameters                     | compressor_method      |
|----------|--------------------------------|------------------------|
| `kmeans` | `k`, `seed`                    | `simple`, `compressive` |
| `gmm`    | `k`, `seed`                    | `simple`, `compressive` |
| `dbscan` | `eps`, `min_core_point`        | `simple`               |

`simple` takes `bucket_size`; what `compressive` takes is in `Compressive`. `distance` is `euclidean` or `cosine`;
gmm has none.
"""

from dataclasses import dataclass
from typing import Any

from duma.configuration import (
    Float64,
    Int64,
    Integer,
    PlainConfigurationError,
    String,
    UnsupportedMethod,
    check,
)
from duma.configuration_form import Choice, Condition, Form, Member
from duma.convert.schema import CONVERTER_MEMBER

_WITH_CENTERS = {
    "k": Member(Integer(), "how many clusters", example=3, condition=Condition("1 <= k", lambda k: k != 0)),
    "seed": Member(Int64(), "where the draws begin", example=0),
}
_METHODS = Choice(
    "method",
    "parameter",
    {
        "kmeans": Form("every point belongs to the nearest of k centers", _WITH_CENTERS),
        "gmm": Form("k normal distributions: clusters may be long and tilted", _WITH_CENTERS),
        "dbscan": Form(
            "points that lie close together, in clusters of any shape, and noise",
            {
                "eps": Member(
                    Float64(),
                    "points nearer than this are neighbours",
                    example=0.5,
                    condition=Condition("0 < eps", lambda eps: eps > 0),
                ),
                "min_core_point": Member(
                    Integer(),
                    "with so many neighbours, itself counted, a point makes a cluster grow",
                    example=3,
                    condition=Condition("0 < min_core_point", lambda least: least != 0),
                ),
                "distance": Member(
                    String(), "the one that counts stands beside the method", optional=True, ignored=True
                ),
            },
        ),
    },
    missing="Object is expected, but Null is given. ()",  # Jubatus names no place
)

_COMPRESSIVE = {
    "bucket_size": Member(
        Integer(),
        "so many new points are compressed together, and then all are clustered",
        example=1000,
        condition=Condition("1 <= bucket_size", lambda size: size >= 1),
    ),
    "bucket_length": Member(
        Integer(),
        "so many compressed buckets are compressed again",
        example=2,
        condition=Condition("2 <= bucket_length", lambda length: length >= 2),
    ),
    "compressed_bucket_size": Member(
        Integer(),
        "points that are left of a bucket",
        example=100,
        condition=Condition(
            "compressed_bucket_size <= bucket_size",
            lambda all_: all_["compressed_bucket_size"] <= all_["bucket_size"],
            together=True,
        ),
    ),
    "bicriteria_base_size": Member(
        Integer(),
        "points that are drawn at a time to find some near all others",
        example=10,
        condition=Condition(
            "1 <= bicriteria_base_size <= compressed_bucket_size",
            lambda all_: 1 <= all_["bicriteria_base_size"] <= all_["compressed_bucket_size"],
            together=True,
        ),
    ),
    "forgetting_factor": Member(
        Float64(),
        "weights are multiplied by e to the power of minus this with each level",
        example=0.0,
        condition=Condition("0.0 <= forgetting_factor", lambda factor: factor >= 0),
    ),
    "forgetting_threshold": Member(
        Float64(),
        "below this weight a level is dropped when newer points come to it",
        example=0.5,
        condition=Condition("0.0 <= forgetting_threshold <= 1.0", lambda threshold: 0 <= threshold <= 1),
    ),
    "seed": Member(Integer(), "where the draws of points begin", example=0),
}
# The order of Jubatus' checks.
_CHECKED = (
    "bucket_size",
    "bucket_length",
    "bicriteria_base_size",
    "compressed_bucket_size",
    "forgetting_factor",
    "forgetting_threshold",
)

_STORAGES = Choice(
    "compressor_method",
    "compressor_parameter",
    {
        "simple": Form(
            "keeps every point",
            {
                "bucket_size": Member(
                    Integer(),
                    "all are clustered whenever so many more points have come",
                    example=100,
                    condition=Condition("2 <= bucket_size", lambda size: size >= 2),
                )
            },
        ),
        "compressive": Form("keeps few weighted points in place of many", _COMPRESSIVE),
    },
    missing="Object is expected, but Null is given. ()",
)

CLUSTERING_FORM = Form(
    "finds groups",
    {
        "converter": CONVERTER_MEMBER,
        "distance": Member(
            String(), "euclidean or cosine; means nothing to gmm", optional=True, default="euclidean"
        ),
    },
    (_METHODS, _STORAGES),
)


@dataclass(frozen=True, slots=True)
class WithCenters:
    """Parameters of kmeans and gmm."""

    method: str  # kmeans or gmm
    k: int  # clusters, from 1; a negative one of the configuration is 2**32 more, which no number of points reaches
    seed: int  # 32 bits
    distance: str


@dataclass(frozen=True, slots=True)
class Dbscan:
    """Parameters of dbscan."""

    eps: float  # above 0
    min_core_point: int  # from 1, with negative ones as for `WithCenters.k`
    distance: str


@dataclass(frozen=True, slots=True)
class Simple:
    """Parameters of the storage that keeps every point."""

    bucket_size: int  # from 2


@dataclass(frozen=True, slots=True)
class Compressive:
    """Parameters of the storage that keeps coresets."""

    bucket_size: int  # from 1
    bucket_length: int  # from 2
    compressed_bucket_size: int  # from bicriteria_base_size to bucket_size
    bicriteria_base_size: int  # from 1
    forgetting_factor: float  # from 0
    forgetting_threshold: float  # from 0 to 1
    seed: int  # 32 bits


@dataclass(frozen=True, slots=True)
class ClusteringConfiguration:
    """What a clustering is built from."""

    method: WithCenters | Dbscan
    storage: Simple | Compressive
    converter: dict[str, Any]  # the section, checked for names and types


def read_clustering_configuration(configuration: Any) -> ClusteringConfiguration:
    """Check a parsed configuration. The converter's rules themselves are not looked at.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    top = check(CLUSTERING_FORM.schema, configuration)
    name, parameter = _read(_METHODS, top)
    distance: str = top.get("distance", "euclidean")
    method: WithCenters | Dbscan
    if name == "dbscan":
        _check_distance(distance)
        method = Dbscan(parameter["eps"], _unsigned(parameter["min_core_point"]), distance)
    else:
        if name == "kmeans":
            _check_distance(distance)
        method = WithCenters(name, _unsigned(parameter["k"]), _unsigned(parameter["seed"]), distance)
    storage_name, _ = _STORAGES.find(top["compressor_method"])
    if storage_name == "compressive" and name == "dbscan":
        raise UnsupportedMethod("compressive", "dbscan does not look at the weights of points")
    _, given = _read(_STORAGES, top)
    storage = Simple(**given) if storage_name == "simple" else Compressive(**given)
    return ClusteringConfiguration(method, storage, top["converter"])


def _read(choice: Choice, top: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The way that is chosen and its parameters, checked."""
    name, form = choice.find(top[choice.selector])
    if choice.parameters not in top:
        raise PlainConfigurationError(choice.missing)
    path = f".{choice.parameters}"
    parameter: dict[str, Any] = check(form.schema, top[choice.parameters], path)
    form.require(parameter, path, _CHECKED if name == "compressive" else ())
    return name, parameter


def _check_distance(distance: str) -> None:
    if distance not in ("euclidean", "cosine"):
        raise PlainConfigurationError("distance should be 'euclidean' or 'cosine'", f"it is {distance!r}")


def _unsigned(value: int) -> int:
    return value % 2**32
