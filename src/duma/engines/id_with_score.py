"""A row and its score, as searches and the anomaly engine answer it."""

from typing import NamedTuple


class IdWithScore(NamedTuple):
    """The id of a row and its score: a distance, a similarity or an anomaly score, as the method says."""

    id: str
    score: float
