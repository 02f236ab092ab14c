"""Key matchers: the pattern of a rule says which keys it applies to."""

from duma import _core
from duma.configuration import to_bytes
from duma.convert.regexps import Regexp


def build_matcher(pattern: str) -> _core.Matcher:
    """The matcher for a pattern.

    | pattern           | matches                                              |
    |-------------------|------------------------------------------------------|
    | `` (empty) or `*` | every key                                            |
    | `*text`           | keys that end with the text                          |
    | `text*`           | keys that start with the text                        |
    | `/expression/`    | keys at whose start the regular expression matches   |
    | anything else     | the key itself                                       |

    The first line that fits counts: `*a*` means keys that end with `a*`. Comparisons are of bytes.
    Raises `ConverterError` for a regular expression that cannot be used.
    """
    if pattern in ("", "*"):
        return _core.Matcher.any()
    if pattern.startswith("*"):
        return _core.Matcher.suffix(to_bytes(pattern[1:]))
    if pattern.endswith("*"):
        return _core.Matcher.prefix(to_bytes(pattern[:-1]))
    if len(pattern) >= 2 and pattern.startswith("/") and pattern.endswith("/"):
        return _core.Matcher.callback(Regexp(pattern[1:-1]).starts)
    return _core.Matcher.exact(to_bytes(pattern))
