"""The configuration of signatures, for every engine that searches by them.

| method       | parameters                                   |
|--------------|----------------------------------------------|
| `lsh`        | `hash_num`; optional `threads`, `cache_size` |
| `minhash`    | `hash_num`; optional `threads`               |
| `euclid_lsh` | `hash_num`; optional `threads`, `cache_size` |
"""

from dataclasses import dataclass
from typing import Any

from duma import _core
from duma.configuration import Integer, InvalidParameter, check, located
from duma.configuration_form import Choice, Condition, Form, Member

_MOST_BITS = 1 << 24  # more would take gigabytes and seconds for one row

_HASH_NUM = Member(
    Integer(),
    "bits of a signature: more are more exact and cost more",
    example=64,
    condition=Condition("1 <= hash_num", lambda bits: bits >= 1),
)
_THREADS = Member(
    Integer(),
    "for one search; negative: as many as the machine has",
    optional=True,
    default="the caller's alone",
)
_CACHE_SIZE = Member(
    Integer(),
    "features whose random numbers are kept",
    optional=True,
    default="0",
    condition=Condition("0 <= cache_size", lambda features: features >= 0),
)
_CACHED = {"hash_num": _HASH_NUM, "threads": _THREADS, "cache_size": _CACHE_SIZE}

SIGNATURE_METHODS = Choice(
    "method",
    "parameter",
    {
        "lsh": Form("the angle between datums", _CACHED),
        "minhash": Form("weighted Jaccard similarity", {"hash_num": _HASH_NUM, "threads": _THREADS}),
        "euclid_lsh": Form("Euclid's distance", _CACHED),
    },
    missing="Object is expected, but Null is given. ()",  # Jubatus names no place
)


@dataclass(frozen=True, slots=True)
class SignatureConfiguration:
    """How signatures are made and searched."""

    method: str  # lsh, minhash or euclid_lsh
    hash_num: int  # bits of a signature, 1 to 2^24
    threads: int  # for one search; 0 and 1: the caller's alone, negative: as many as the machine has
    cache_size: int  # features whose random numbers are kept

    def build(self) -> _core.SignatureSettings:
        """The core's settings."""
        return _core.SignatureSettings(self.method, self.hash_num, self.threads, self.cache_size)


def read_signature_configuration(method: str, parameter: Any, path: str) -> SignatureConfiguration:
    """The configuration of a method with its parameters, which stand at `path` (None where there are none).

    Raises `ConfigurationError`, `PlainConfigurationError` for an unknown method.
    """
    _, form = SIGNATURE_METHODS.find(method)
    settings = check(form.schema, parameter, path if parameter is not None else "")
    form.require(settings, path)
    hash_num, cache_size = settings["hash_num"], settings.get("cache_size", 0)
    require_room(hash_num, f"{path}.hash_num")
    return SignatureConfiguration(method, hash_num, settings.get("threads", 0), cache_size)


def require_room(bits: int, path: str) -> None:
    """Raises `InvalidParameter` where a row of as many bits as the value at `path` says would have no room."""
    if bits > _MOST_BITS:
        with located(path):
            raise InvalidParameter(
                f"bits of a signature <= {_MOST_BITS}", f"there would be {bits} for each row"
            )
