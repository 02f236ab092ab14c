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
from duma.configuration import Integer, InvalidParameter, Object, Schema, UnsupportedMethod, check, located

_THREADS: dict[str, Schema] = {"threads": Integer()}
_CACHED: dict[str, Schema] = {**_THREADS, "cache_size": Integer()}
SIGNATURE_METHODS: dict[str, Object] = {
    "lsh": Object(mandatory={"hash_num": Integer()}, optional=_CACHED),
    "minhash": Object(mandatory={"hash_num": Integer()}, optional=_THREADS),
    "euclid_lsh": Object(mandatory={"hash_num": Integer()}, optional=_CACHED),
}


@dataclass(frozen=True, slots=True)
class SignatureConfiguration:
    """How signatures are made and searched."""

    method: str  # lsh, minhash or euclid_lsh
    hash_num: int  # bits of a signature, at least 1
    threads: int  # for one search; 0 and 1: the caller's alone, negative: as many as the machine has
    cache_size: int  # features whose random numbers are kept

    def build(self) -> _core.SignatureSettings:
        """The core's settings."""
        return _core.SignatureSettings(self.method, self.hash_num, self.threads, self.cache_size)


def read_signature_configuration(method: str, parameter: Any, path: str) -> SignatureConfiguration:
    """The configuration of a method with its parameters, which stand at `path` (None where there are none).

    Raises `ConfigurationError`, `UnsupportedMethod` for an unknown method.
    """
    if method not in SIGNATURE_METHODS:
        raise UnsupportedMethod(method, f"known are {', '.join(SIGNATURE_METHODS)}")
    settings = check(SIGNATURE_METHODS[method], parameter, path if parameter is not None else "")
    hash_num, cache_size = settings["hash_num"], settings.get("cache_size", 0)
    with located(path):
        if hash_num < 1:
            raise InvalidParameter("1 <= hash_num", f"it is {hash_num}")
        if cache_size < 0:
            raise InvalidParameter("0 <= cache_size", f"it is {cache_size}")
    return SignatureConfiguration(method, hash_num, settings.get("threads", 0), cache_size)
