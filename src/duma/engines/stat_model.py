"""What the stat engine has learned: a window of numbers that all keys share, and sums for each key.

User data: `[window size, [[Unix seconds, [key, value]]...] oldest first, {key: [n, sum, sum of squares, max, min]},
E, N]`, where E and N are the sums of n ln n and of n over all servers at the last MIX, 0 before one.
"""

import math
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from duma.engines.packed import (
    LazySnapshot,
    broken,
    fields,
    in_pieces,
    integer,
    number,
    packer,
    read_user_data,
    text,
)
from duma.engines.shared_collections import Entries, SharedMap, SharedQueue
from duma.engines.stat_series import Series

_PROGRESS = 4096  # entries between two reports


class KeyStats(NamedTuple):
    """The sums of `n` numbers, at least 1, of one key."""

    n: int
    sum: float
    squares: float
    max: float
    min: float

    def moment1(self, center: float) -> float:
        """The mean distance from `center`."""
        return (self.sum - center * self.n) / self.n

    def moment2(self, center: float) -> float:
        """The mean squared distance from `center`; rounding may make it negative."""
        return (self.squares - 2 * self.sum * center) / self.n + center * center


class Entry(NamedTuple):
    """A number in the window; `time` in Unix seconds."""

    time: int
    key: str
    value: float


class StatModel:
    """A window of at most `window_size` numbers.

    Records of keys are replaced and never changed, so that a snapshot shares them. The lock is held for single
    steps, and lets analyses see the model between two updates.
    """

    def __init__(self, window_size: int) -> None:
        self.window_size = window_size
        self.mixed_entropy = 0.0  # E
        self.mixed_count = 0.0  # N
        self._window: SharedQueue[Entry] = SharedQueue()
        self._stats: SharedMap[KeyStats] = SharedMap()
        self._series: dict[str, Series] = {}
        self._keys_by_count: dict[int, int] = {}  # how many keys have a count, for the entropy
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Numbers in the window."""
        return len(self._window)

    def push(self, key: str, value: float, time: int) -> None:
        """Add a number, and drop the oldest ones while there are too many."""
        with self._lock:
            self._window.append(Entry(time, key, value))
            self._enter(key, value)
            old = self._stats.get(key)
            if old is None:
                self._replace(key, 0, KeyStats(1, value, value * value, value, value))
            else:
                count, total, squares, largest, least = old
                largest = value if value > largest else largest
                least = value if value < least else least
                new = KeyStats(count + 1, total + value, squares + value * value, largest, least)
                self._replace(key, count, new)
            while len(self._window) > self.window_size:
                self._drop_oldest()

    def of(self, key: str) -> KeyStats | None:
        """The sums of a key, if it has any."""
        return self._stats.get(key)

    def values(self, key: str) -> list[float]:
        """The numbers of a key in the window, oldest first."""
        with self._lock:
            series = self._series.get(key)
            return series.values() if series is not None else []

    def entropy(self) -> float:
        """-sum of p ln p over the keys, p being a key's share of the numbers; after a MIX that of all servers then."""
        with self._lock:
            if self.mixed_count != 0:
                return math.log(self.mixed_count) - self.mixed_entropy / self.mixed_count
            counts = list(self._keys_by_count.items())
        total = sum(count * keys for count, keys in counts)
        # Summed exactly, so that the order of the keys does not show.
        return -1.0 * math.fsum(keys * (count / total * math.log(count / total)) for count, keys in counts)

    def _enter(self, key: str, value: float) -> None:
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Series()
        series.push(value)

    def _drop_oldest(self) -> None:
        _, key, value = self._window.popleft()
        series = self._series[key]
        series.pop()
        if not len(series):
            del self._series[key]
        old = self._stats.get(key)
        assert old is not None, "every number in the window is in the sums of its key"
        if old.n == 1:
            self._replace(key, 1, None)
            return
        count, total, squares, largest, least = old
        if value == largest:
            largest = series.largest()
        if value == least:
            least = series.least()
        new = KeyStats(count - 1, total - value, squares - value * value, largest, least)
        self._replace(key, count, new)

    def _replace(self, key: str, old_count: int, new: KeyStats | None) -> None:
        """Set or, with None, delete the sums of a key that had `old_count` numbers."""
        by_count = self._keys_by_count
        if old_count:
            by_count[old_count] -= 1
            if not by_count[old_count]:
                del by_count[old_count]
        if new is None:
            self._stats.pop(key)
        else:
            self._stats[key] = new
            by_count[new.n] = by_count.get(new.n, 0) + 1

    def snapshot(self) -> LazySnapshot:
        """The user data as they are now."""
        with self._lock:
            window, stats = self._window.copy(), self._stats.copy()
        return _packed(self.window_size, window, stats, self.mixed_entropy, self.mixed_count)

    def restore(self, data: "StatData") -> None:
        """Fill an empty model."""
        self.mixed_entropy, self.mixed_count = data.mixed_entropy, data.mixed_count
        for entry in data.window:
            self._window.append(entry)
            self._enter(entry.key, entry.value)
        for key, of in data.stats.items():
            self._replace(key, 0, of)


class StatData(NamedTuple):
    """What user data hold."""

    window_size: int
    window: list[Entry]
    stats: dict[str, KeyStats]
    mixed_entropy: float = 0.0
    mixed_count: float = 0.0

    def packed(self) -> LazySnapshot:
        """The user data."""
        return _packed(*self)


def _packed(
    window_size: int, window: Collection[Entry], stats: Entries[KeyStats], entropy: float, count: float
) -> LazySnapshot:
    def chunks() -> Iterator[bytes]:
        out = packer()
        yield out.pack_array_header(2) + out.pack(1) + out.pack_array_header(5) + out.pack(window_size)
        yield out.pack_array_header(len(window))
        yield from in_pieces(out.pack((time, (key, value))) for time, key, value in window)
        yield out.pack_map_header(len(stats))
        yield from in_pieces(out.pack(key) + out.pack(tuple(of)) for key, of in stats.items())
        yield out.pack(entropy) + out.pack(count)

    return LazySnapshot(chunks)


def read_stat_model(user_data: memoryview, progress: Callable[[int], None] | None = None) -> StatModel:
    """The model in user data. Raises `ModelFileError`."""
    data = read_stat_data(user_data, progress)
    model = StatModel(data.window_size)
    model.restore(data)
    return model


def read_stat_data(user_data: memoryview, progress: Callable[[int], None] | None = None) -> StatData:
    """What user data hold. Raises `ModelFileError`."""
    reader, elements = read_user_data(user_data, "the stat engine's data")
    if elements < 5:
        broken(f"the stat engine's data is an array of {elements}, not of 5")
    window_size = integer(reader.value("the window's size"), "the window's size")
    names: dict[str, str] = {}  # one object for each key, however often the window has it
    window = []
    for entries in range(reader.array("the window")):
        window.append(_entry(reader.value("an entry of the window"), names))
        if progress is not None and entries % _PROGRESS == 0:
            progress(reader.position)
    stats = {}
    for _ in range(reader.map("the sums")):
        key = text(reader.value("a key"), "a key")
        stats[names.setdefault(key, key)] = _key_stats(reader.value("the sums of a key"))
    entropy = number(reader.value("the mixed entropy"), "the mixed entropy")
    count = number(reader.value("the mixed count"), "the mixed count")
    if window_size < 1 or not count >= 0:
        broken(f"a window of {window_size} numbers, or {count:g} mixed numbers")
    _check_sums(window, stats)
    return StatData(window_size, window, stats, entropy, count)


def _entry(value: Any, names: dict[str, str]) -> Entry:
    time, pair = fields(value, 2, "an entry of the window")
    if type(pair) is not list or len(pair) != 2:
        broken(f"an entry of the window has {pair!r:.50}, not a key and a value")
    key = text(pair[0], "a key")
    return Entry(integer(time, "a time"), names.setdefault(key, key), number(pair[1], "a number"))


def _key_stats(value: Any) -> KeyStats:
    count, *sums = fields(value, 5, "the sums of a key")
    if integer(count, "the count of a key") == 0:
        broken("the count of a key is 0")
    return KeyStats(count, *(number(each, "a sum") for each in sums))


def _check_sums(window: list[Entry], stats: Mapping[str, KeyStats]) -> None:
    """A key has sums, for as many numbers as it has in the window or more.

    More: Jubatus keeps the sums of keys that a loaded file does not have, and saves them again.
    """
    counts: dict[str, int] = {}
    for entry in window:
        counts[entry.key] = counts.get(entry.key, 0) + 1
    for key, count in counts.items():
        if key not in stats or stats[key].n < count:
            broken(f"the window has {count} numbers of a key, its sums have fewer")
