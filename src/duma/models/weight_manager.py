"""The weight manager's part of user data: in how many documents features and groups were met.

    [[version], record since the last MIX, record before]
    record = [documents, [{feature: frequency}], [{group: frequency}], [{group: total length}],
              {feature: user weight}]

What is missing at the end of an array is empty, what is too much is ignored.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from duma.models.packed import broken, integer, numbers, packer
from duma.models.report import Report

Numbers = dict[bytes, float]


@dataclass(slots=True)
class KeywordWeights:
    """What was counted: `documents`, and by name the other four."""

    documents: int = 0
    frequencies: Numbers = field(default_factory=dict)
    group_frequencies: Numbers = field(default_factory=dict)
    group_lengths: Numbers = field(default_factory=dict)
    user_weights: Numbers = field(default_factory=dict)


@dataclass(slots=True)
class WeightManager:
    """Weights before the last MIX (`master`) and since (`diff`); a standalone server has all in `diff`."""

    version: int = 0
    diff: KeywordWeights = field(default_factory=KeywordWeights)
    master: KeywordWeights = field(default_factory=KeywordWeights)

    def total(self) -> KeywordWeights:
        """Both added, as look-ups do."""
        return added([self.master, self.diff])


def read_weight_manager(value: Any) -> WeightManager:
    """From unpacked user data. Raises `ModelFileError`."""
    version, diff, master = _fields(value, 3, "the weight manager")
    (number,) = _fields(version, 1, "the weight manager's version")
    return WeightManager(
        0 if number is None else integer(number, "the weight manager's version"),
        _record(diff),
        _record(master),
    )


def pack_weight_manager(manager: WeightManager) -> Iterator[bytes]:
    """The same as MessagePack, piece by piece."""
    out = packer()
    yield out.pack_array_header(3)
    yield out.pack([manager.version])
    for record in (manager.diff, manager.master):
        yield out.pack_array_header(5)
        yield out.pack(record.documents)
        for boxed in (record.frequencies, record.group_frequencies, record.group_lengths):
            yield out.pack_array_header(1)
            yield from _pack_numbers(boxed)
        yield from _pack_numbers(record.user_weights)


def added(records: Iterable[KeywordWeights]) -> KeywordWeights:
    """Counts of all records together; of user weights with the same name the last one counts, as in a MIX."""
    total = KeywordWeights()
    for record in records:
        total.documents += record.documents
        for sums, counts in (
            (total.frequencies, record.frequencies),
            (total.group_frequencies, record.group_frequencies),
            (total.group_lengths, record.group_lengths),
        ):
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count
        total.user_weights.update(record.user_weights)
    return total


def largest(records: Iterable[KeywordWeights]) -> KeywordWeights:
    """Of every count the largest: what records have in common that should be the same in all."""
    result = KeywordWeights()
    for record in records:
        result.documents = max(result.documents, record.documents)
        for most, counts in (
            (result.frequencies, record.frequencies),
            (result.group_frequencies, record.group_frequencies),
            (result.group_lengths, record.group_lengths),
            (result.user_weights, record.user_weights),
        ):
            for name, count in counts.items():
                most[name] = max(most.get(name, count), count)
    return result


def merged_weights(managers: Sequence[WeightManager], version: int, report: Report) -> WeightManager:
    """Those of several servers at one MIX version as one, with everything in `diff`."""
    if version == 0:
        return WeightManager(0, added(manager.total() for manager in managers))
    if any(manager.master != managers[0].master for manager in managers):
        report.cautions.append("the document counts before the last MIX differ; the larger ones are taken")
    common = largest(manager.master for manager in managers)
    return WeightManager(0, added([common, *(manager.diff for manager in managers)]))


def placed(weights: WeightManager, version: int, *, for_cluster: bool) -> WeightManager:
    """What `merged_weights` made, where a cluster's or a standalone server has it."""
    return WeightManager(version, master=weights.diff) if for_cluster else weights


def differing_documents(a: KeywordWeights, b: KeywordWeights) -> dict[str, Any] | None:
    """How many documents were counted, and how many frequencies differ; None where nothing does."""
    if a == b:
        return None
    names = a.frequencies.keys() | b.frequencies.keys()
    differing = sum(a.frequencies.get(name) != b.frequencies.get(name) for name in names)
    return {"a": a.documents, "b": b.documents, "differing_frequencies": differing}


def restricted(manager: WeightManager, keeps: Callable[[bytes], bool]) -> WeightManager:
    """What remains when only the features that `keeps` names can still occur. User weights all stay.

    A group stays while a feature of it does; every group came from the names of counted features.
    """
    kept = [
        {name: n for name, n in record.frequencies.items() if keeps(name)}
        for record in (manager.diff, manager.master)
    ]
    groups = {group_of(name) for names in kept for name in names}

    def record(old: KeywordWeights, frequencies: Numbers) -> KeywordWeights:
        return KeywordWeights(
            old.documents,
            frequencies,
            {group: n for group, n in old.group_frequencies.items() if group in groups},
            {group: n for group, n in old.group_lengths.items() if group in groups},
            old.user_weights,
        )

    return WeightManager(manager.version, record(manager.diff, kept[0]), record(manager.master, kept[1]))


def group_of(feature: bytes) -> bytes:
    """`title$sea@space#tf/idf` is in the group `title@space#tf/idf`; others (no `$`, no `@`) in none."""
    dollar, at = feature.find(b"$"), feature.rfind(b"@")
    return b"" if dollar < 0 or at < 0 else feature[:dollar] + feature[at:]


def _record(value: Any) -> KeywordWeights:
    documents, *counters, user_weights = _fields(value, 5, "a record of the weight manager")
    frequencies, group_frequencies, group_lengths = map(_counter, counters)
    return KeywordWeights(
        0 if documents is None else integer(documents, "the number of documents"),
        frequencies,
        group_frequencies,
        group_lengths,
        numbers({} if user_weights is None else user_weights, "the user weights"),
    )


def _counter(value: Any) -> Numbers:
    (content,) = _fields(value, 1, "a counter of the weight manager")
    return numbers({} if content is None else content, "a counter of the weight manager")


def _fields(value: Any, count: int, what: str) -> list[Any]:
    """The first `count` elements of an array, None for those that are missing."""
    if value is None:
        return [None] * count
    if type(value) is not list:
        broken(f"{what} is not an array")
    return (value + [None] * count)[:count]


def _pack_numbers(counts: Numbers) -> Iterator[bytes]:
    out = packer()
    yield out.pack_map_header(len(counts))
    for name, count in counts.items():
        yield out.pack(name) + out.pack(float(count))
