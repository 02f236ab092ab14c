"""Numbers in the texts of a configuration, read as a C++ stream reads them: the longest prefix that can be
one.
"""

import math
import re

_FLOAT = re.compile(r"[ \t\n\v\f\r]*([+-]?\d*(?:\.\d*)?(?:(?<=[\d.])[eE][+-]?\d*)?)", re.ASCII)
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?\d+)", re.ASCII)


def float_prefix(text: str) -> float | None:
    """The number a text starts with (`1abc` is 1, `0x10` is 0); None if it starts with none or with too
    large a one.
    """
    prefix = _FLOAT.match(text)
    try:
        value = float(prefix[1]) if prefix else math.nan
    except ValueError:  # no digits, or an exponent without digits
        return None
    return value if math.isfinite(value) else None


def int_prefix(text: str) -> int | None:
    """The integer of 32 bits a text starts with (`2.7` is 2); None if there is none or it does not fit."""
    prefix = _INTEGER.match(text)
    if prefix is None or len(prefix[1]) > 4000:
        return None
    value = int(prefix[1])
    return value if -(2**31) <= value < 2**31 else None
