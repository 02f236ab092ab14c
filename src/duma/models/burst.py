"""The layout of the burst engine's models (see `duma.models.layouts` and `duma.engines.burst_model`)."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import reduce
from typing import Any, Self

from duma.configuration import read_configuration
from duma.engines.burst import read_burst_configuration
from duma.engines.burst_model import BurstData, Keyword, read_burst_data
from duma.engines.burst_windows import Counted, Options, Result, Results
from duma.models.layouts import Content
from duma.models.report import Report, shown


class BurstLayout:
    """See `duma.models.layouts.Layout`."""

    def __init__(self, config_text: str) -> None:
        self.options = read_burst_configuration(read_configuration(config_text)[1])

    def read(self, user_data: memoryview) -> BurstData:
        """The content. Raises `ModelFileError`."""
        return read_burst_data(user_data)

    def details(self, user_data: memoryview, top: int) -> dict[str, Any]:
        content = self.read(user_data)
        most = sorted(content.keywords.items(), key=lambda item: (-_relevant(item[1]), item[0]))[:top]
        return {
            **asdict(content.options),
            "keywords": len(content.keywords),
            "counted_keywords": sum(known.counted is not None for known in content.keywords.values()),
            "most_frequent": {_name(keyword): _shown(content.options, known) for keyword, known in most},
        }

    def difference(
        self, user_data: memoryview, other: Self, other_data: memoryview, tolerance: float, top: int
    ) -> dict[str, Any]:
        a, b = self.read(user_data), other.read(other_data)
        differing = [
            keyword
            for keyword in sorted(a.keywords.keys() | b.keywords.keys())
            if not _same(a.keywords.get(keyword), b.keywords.get(keyword), tolerance)
        ]
        return {
            "same": a.options == b.options and not differing,
            "keywords": {"a": len(a.keywords), "b": len(b.keywords)},
            "differing_keywords": {"count": len(differing), "examples": [*map(_name, differing[:top])]},
        }

    def converted(self, user_data: memoryview, wanted: Self) -> tuple[Content, Report]:
        content, report = self.read(user_data), Report()
        old, new = content.options, wanted.options
        values = asdict(new)
        for name, before in asdict(old).items():
            if before != values[name]:
                report.changes.append(f"{name}: {before:g} becomes {values[name]:g}")
        keywords = content.keywords
        if (old.window_batch_size, old.batch_interval) != (new.window_batch_size, new.batch_interval):
            if any(known.results.windows or known.counted for known in keywords.values()):
                report.losses.append("all windows: those of the new configuration have other batches")
            keywords = {
                keyword: Keyword(known.scaling, known.gamma, counted=None if known.counted is None else ())
                for keyword, known in keywords.items()
            }
        most = new.result_window_rotate_size
        beyond = sum(max(0, len(known.results.windows) - most) for known in keywords.values())
        if beyond:
            report.losses.append(f"the {beyond} oldest results: {most} windows are kept of each keyword")
        keywords = {keyword: _trimmed(known, most) for keyword, known in keywords.items()}
        return BurstData(new, keywords).packed(), report

    def merged(
        self,
        parts: Sequence[memoryview],
        names: Sequence[str],
        *,
        for_cluster: bool,  # noqa: ARG002 - a MIX keeps of each window the one with more documents
    ) -> tuple[Content, Report]:
        contents, report = [self.read(part) for part in parts], Report()
        options, keywords = contents[0].options, dict(contents[0].keywords)
        for content, name in zip(contents[1:], names[1:], strict=True):
            for keyword, known in content.keywords.items():
                old = keywords.get(keyword)
                if old is not None and old[:2] != known[:2]:
                    report.cautions.append(
                        f"{_name(keyword)} has other parameters in {name} than in a file before it, whose are kept"
                    )
                keywords[keyword] = known if old is None else _merged(options, old, known)
        counted = {
            keyword: known if known.counted is not None else known._replace(counted=())
            for keyword, known in keywords.items()
        }
        report.changes.append(f"{len(contents)} models become one of {len(keywords)} keywords")
        return BurstData(options, counted).packed(), report


def _merged(options: Options, a: Keyword, b: Keyword) -> Keyword:
    """What a MIX of two servers keeps, and the counted windows of the one that is further."""
    results = reduce(lambda found, window: _mixed(options, found, window), b.results.windows, a.results)
    counted = max((each.counted for each in (a, b) if each.counted is not None), key=_progress, default=None)
    return Keyword(a.scaling, a.gamma, results, counted)


def _mixed(options: Options, results: Results, window: Result) -> Results:
    """The results with another window; of two at one place the one with more documents stays."""
    for known in results.windows:
        if options.same_start(known.start, window.start):
            if len(known.batches) != len(window.batches) or _documents(known) >= _documents(window):
                return results
            break
    return results.stored(options, window)


def _progress(counted: tuple[Counted, ...]) -> tuple[float, int]:
    return (counted[0].start, sum(d for d, _ in counted[0].batches)) if counted else (float("-inf"), 0)


def _documents(window: Result) -> int:
    return sum(batch.all_data_count for batch in window.batches)


def _trimmed(known: Keyword, most: int) -> Keyword:
    results = known.results._replace(windows=known.results.windows[:most])
    return known._replace(results=results, counted=None if known.counted is None else known.counted[:most])


def _relevant(known: Keyword) -> int:
    newest = known.results.windows[:1]
    return sum(batch.relevant_data_count for window in newest for batch in window.batches)


def _shown(options: Options, known: Keyword) -> dict[str, Any]:
    windows = known.results.windows
    bursting = [
        window.start + i * options.batch_interval
        for window in windows
        for i, batch in enumerate(window.batches)
        if batch.burst_weight > 0
    ]
    return {
        "scaling": known.scaling,
        "gamma": known.gamma,
        "windows": len(windows),
        "from": windows[-1].start if windows else None,
        "to": options.end(windows[0]) if windows else None,
        "relevant_documents": _relevant(known),  # of the newest window
        "bursts_from": sorted(set(bursting)),  # where batches begin
    }


def _same(a: Keyword | None, b: Keyword | None, tolerance: float) -> bool:
    if a is None or b is None:
        return False
    if a[:2] != b[:2] or a.counted != b.counted or len(a.results.windows) != len(b.results.windows):
        return False
    pairs = zip(a.results.windows, b.results.windows, strict=True)
    return all(x.start == y.start and _same_batches(x, y, tolerance) for x, y in pairs)


def _same_batches(x: Result, y: Result, tolerance: float) -> bool:
    return len(x.batches) == len(y.batches) and all(
        a[:2] == b[:2]
        and (a.burst_weight == b.burst_weight or abs(a.burst_weight - b.burst_weight) <= tolerance)
        for a, b in zip(x.batches, y.batches, strict=True)
    )


def _name(keyword: str) -> str:
    return shown(keyword.encode("utf-8", "surrogateescape"))
