"""A queue of numbers that knows its largest and its least one."""

from bisect import bisect_right

_SHORT = 16  # so many are searched as fast as candidates are kept
_SLACK = 32  # numbers that have left and still take room


class Series:
    """The numbers of one key, oldest first. NaN is never the largest or the least.

    Where there are many, candidates for both are kept beside them, so that a number that comes or goes costs a
    constant number of steps on average (D. Lemire, "Streaming maximum-minimum filter using no more than three
    comparisons per element", 2006).
    """

    __slots__ = ("_first", "_largest", "_least", "_numbers")

    def __init__(self) -> None:
        self._numbers: list[float] = []
        self._first = 0  # where the queue begins
        self._least: _Candidates | None = None
        self._largest: _Candidates | None = None  # of the negated numbers

    def __len__(self) -> int:
        return len(self._numbers) - self._first

    def values(self) -> list[float]:
        """All numbers, oldest first."""
        return self._numbers[self._first :]

    def push(self, value: float) -> None:
        """Add a number."""
        self._numbers.append(value)
        if self._least is not None and self._largest is not None:
            self._least.push(value)
            self._largest.push(-value)
        elif len(self) > _SHORT:
            self._least, self._largest = _Candidates(), _Candidates()
            for each in self.values():
                self._least.push(each)
                self._largest.push(-each)

    def pop(self) -> None:
        """Drop the oldest number; there must be one."""
        value = self._numbers[self._first]
        self._first += 1
        if self._first > _SLACK and 2 * self._first > len(self._numbers):
            del self._numbers[: self._first]
            self._first = 0
        if self._least is not None and self._largest is not None:
            self._least.pop(value)
            self._largest.pop(-value)

    def largest(self) -> float:
        """The largest number, 0 without any."""
        if self._largest is not None:
            found = self._largest.least()
            return 0.0 if found is None else -found
        return max((each for each in self.values() if each == each), default=0.0)

    def least(self) -> float:
        """The least number, 0 without any."""
        if self._least is not None:
            found = self._least.least()
            return 0.0 if found is None else found
        return min((each for each in self.values() if each == each), default=0.0)


class _Candidates:
    """The numbers of a queue that no later one is below: in rising order, the first is the least of all."""

    __slots__ = ("_first", "_numbers")

    def __init__(self) -> None:
        self._numbers: list[float] = []
        self._first = 0

    def push(self, value: float) -> None:
        if value == value:
            del self._numbers[bisect_right(self._numbers, value, self._first) :]
            self._numbers.append(value)

    def pop(self, value: float) -> None:
        """The oldest number of the queue, `value`, has left."""
        if self._first < len(self._numbers) and self._numbers[self._first] == value:
            self._first += 1
            if self._first > _SLACK and 2 * self._first > len(self._numbers):
                del self._numbers[: self._first]
                self._first = 0

    def least(self) -> float | None:
        return self._numbers[self._first] if self._first < len(self._numbers) else None
