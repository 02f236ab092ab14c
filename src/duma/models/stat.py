"""The layout of the stat engine's models (see `duma.models.layouts` and `duma.engines.stat_model`)."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Self

from duma.configuration import read_configuration
from duma.engines.stat import read_stat_configuration
from duma.engines.stat_model import Entry, KeyStats, StatData, StatModel, read_stat_data
from duma.errors import ModelFileError
from duma.models.layouts import Content
from duma.models.report import Report, shown


class StatLayout:
    """See `duma.models.layouts.Layout`."""

    def __init__(self, config_text: str) -> None:
        self.window_size = read_stat_configuration(read_configuration(config_text)[1])

    def read(self, user_data: memoryview) -> StatData:
        """The content. Raises `ModelFileError`."""
        return read_stat_data(user_data)

    def details(self, user_data: memoryview, top: int) -> dict[str, Any]:
        content = self.read(user_data)
        most = sorted(content.stats.items(), key=lambda item: (-item[1].n, item[0]))[:top]
        times = [entry.time for entry in content.window]
        return {
            "window_size": content.window_size,
            "numbers": len(content.window),
            "oldest": times[0] if times else None,  # Unix time in seconds
            "newest": times[-1] if times else None,
            "keys": len(content.stats),
            "mixed_numbers": content.mixed_count,
            "most_numbers": {_name(key): of._asdict() for key, of in most},
        }

    def difference(
        self, user_data: memoryview, other: Self, other_data: memoryview, tolerance: float, top: int
    ) -> dict[str, Any]:
        a, b = self.read(user_data), other.read(other_data)
        differing = [
            key
            for key in sorted(a.stats.keys() | b.stats.keys())
            if not _same(a.stats, b.stats, key, tolerance)
        ]
        same_window = [entry[1:] for entry in a.window] == [entry[1:] for entry in b.window]
        return {
            "same": not differing and same_window and _mixed(a) == _mixed(b),
            "numbers": {"a": len(a.window), "b": len(b.window)},
            "keys": {"a": len(a.stats), "b": len(b.stats)},
            "differing_keys": {"count": len(differing), "examples": [_name(key) for key in differing[:top]]},
        }

    def converted(self, user_data: memoryview, wanted: Self) -> tuple[Content, Report]:
        content, report = self.read(user_data), Report()
        report.changes.append(f"window_size: {content.window_size} becomes {wanted.window_size}")
        return _limited(content._replace(window_size=wanted.window_size), report).packed(), report

    def merged(
        self,
        parts: Sequence[memoryview],
        names: Sequence[str],  # noqa: ARG002 - no part is left out
        *,
        for_cluster: bool,
    ) -> tuple[Content, Report]:
        if for_cluster:
            raise ModelFileError(
                "models of the stat engine cannot be dealt: each key is on one server of the ring, and numbers "
                "that several servers have would count as often"
            )
        contents, report = [self.read(part) for part in parts], Report()
        # Numbers of one second stay in the order of the files.
        window = sorted((entry for content in contents for entry in content.window), key=attrgetter("time"))
        stale = [
            key for content in contents for key in content.stats.keys() - {e.key for e in content.window}
        ]
        if stale:
            report.losses.append(f"the sums of {len(stale)} keys that have no numbers in the window")
        size = max(content.window_size for content in contents)
        merged = _limited(StatData(size, window, _sums(window)), report)
        report.changes.append(f"{len(contents)} models become one of {len(merged.window)} numbers")
        return merged.packed(), report


def _limited(content: StatData, report: Report) -> StatData:
    """The same with the oldest numbers left out where the window is too small for all."""
    beyond = max(0, len(content.window) - content.window_size)
    if not beyond:
        return content
    report.losses.append(
        f"the {beyond} oldest of {len(content.window)} numbers: the window has no room for them"
    )
    window = content.window[beyond:]
    return content._replace(window=window, stats=_sums(window))


def _sums(window: list[Entry]) -> dict[str, KeyStats]:
    model = StatModel(max(1, len(window)))
    for entry in window:
        model.push(entry.key, entry.value, entry.time)
    return {
        key: of for key in dict.fromkeys(entry.key for entry in window) if (of := model.of(key)) is not None
    }


def _same(a: Mapping[str, KeyStats], b: Mapping[str, KeyStats], key: str, tolerance: float) -> bool:
    if key not in a or key not in b:
        return False
    return all(
        x == y or abs(x - y) <= tolerance or (x != x and y != y) for x, y in zip(a[key], b[key], strict=True)
    )


def _mixed(content: StatData) -> tuple[float, float]:
    return content.mixed_entropy, content.mixed_count


def _name(key: str) -> str:
    return shown(key.encode("utf-8", "surrogateescape"))
