"""Where a model is saved: the rules for ids, and the name of the file."""

import re
from pathlib import Path

from duma.errors import DumaError

LONGEST_ID = 100


class InvalidId(DumaError):
    """An id that cannot name a model."""


def model_path(datadir: str, address: str, port: int, engine_type: str, model_id: str) -> Path:
    """`<datadir>/<address>_<port>_<type>_<id>.jubatus`. Raises `InvalidId`."""
    check_id(model_id)
    return Path(datadir) / f"{address}_{port}_{engine_type}_{model_id}.jubatus"


def check_id(model_id: str) -> None:
    """Raise `InvalidId` unless the id is 1 to 100 of `a-z A-Z 0-9 _ - .` and does not begin with a dot.

    The manual of Jubatus has no dot, but existing clients use it inside of ids (`2019.01`). Nothing that
    passes can leave the folder: there is no separator among the characters, and no id is `.` or `..`.
    """
    if not model_id:
        raise InvalidId("empty id is not allowed")
    strange = re.search(r"[^a-zA-Z0-9_.-]", model_id)
    if strange:
        raise InvalidId(
            f"model ID contains invalid character: {strange[0]!a} (allowed: a-z A-Z 0-9 _ - and . inside)"
        )
    if model_id.startswith("."):
        raise InvalidId("model ID contains invalid character: '.' at the beginning")
    if len(model_id) > LONGEST_ID:
        raise InvalidId(f"model ID is too long: {len(model_id)} characters, at most {LONGEST_ID}")
