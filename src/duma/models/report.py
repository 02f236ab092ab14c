"""What a conversion or a merge does, said before anything is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from duma.models.converter_change import suffix_of

_EXAMPLES = 5
_SUFFIXES = 10


@dataclass(slots=True)
class Kept:
    """How many names are kept and lost; the lost ones by the end of their names, and a few of them."""

    kept: int = 0
    lost: int = 0
    lost_by_suffix: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def loss(self, what: str, why: str) -> str:
        """What is lost, in one sentence."""
        examples = ", ".join(self.examples) + (", ..." if self.lost > len(self.examples) else "")
        return f"{self.lost} of {self.lost + self.kept} {what} ({examples}): {why}"


@dataclass(slots=True)
class Report:
    """`changes` lose nothing, `cautions` are for the reader to judge, `losses` need to be accepted."""

    changes: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    features: Kept = field(default_factory=Kept)
    document_frequencies: Kept = field(default_factory=Kept)
    labels_lost: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """All of it, the losses first."""
        return [
            *(f"lost: {line}" for line in self.losses),
            *(f"caution: {line}" for line in self.cautions),
            *(f"changed: {line}" for line in self.changes),
        ]


def report_left_out(report: Report, names: Sequence[str], versions: Sequence[int]) -> None:
    """Says which models have a lower MIX version than others: a merge leaves them out."""
    newest = max(versions)
    for name, version in zip(names, versions, strict=True):
        if version < newest:
            report.losses.append(
                f"what {name} learned since MIX version {version}: others are at version {newest}"
            )


class Tally:
    """Counts names that are kept and lost."""

    def __init__(self) -> None:
        self._kept = 0
        self._lost = 0
        self._suffixes: Counter[bytes] = Counter()
        self._examples: list[str] = []

    def add(self, name: bytes, *, kept: bool) -> bool:
        """Count a name; returns `kept`."""
        if kept:
            self._kept += 1
            return True
        self._lost += 1
        self._suffixes[suffix_of(name)] += 1
        if len(self._examples) < _EXAMPLES:
            self._examples.append(shown(name))
        return False

    def result(self) -> Kept:
        """The counts so far."""
        suffixes = {shown(suffix): count for suffix, count in self._suffixes.most_common(_SUFFIXES)}
        return Kept(self._kept, self._lost, suffixes, self._examples)


def shown(name: bytes) -> str:
    """A name for people and JSON; bytes that are not UTF-8 as `\\xff`."""
    return name.decode("utf-8", "backslashreplace")
