"""Where documents with a keyword come more densely than usual.

The two-state model of J. Kleinberg, "Bursty and Hierarchical Structure in Streams", 2002, section 3, on batches of
documents: of the d documents in a batch r have the keyword, as drawn with the probability p0 = Σr / Σd in the base
state and with p1 = s · p0 in the burst state. Entering a burst costs γ ln n, n being the number of batches; leaving it
costs nothing. The cheapest sequence of states says which batches burst.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

Counts = tuple[int, int]  # of a batch: documents, and those with the keyword


class _Costs(NamedTuple):
    """What the two states cost in each batch, and what entering a burst costs."""

    base: list[float]
    burst: list[float]
    change: float
    limit: float  # so much more may the burst state cost; beyond it there is no burst


def burst_weights(
    counts: Sequence[Counts], known: Sequence[float], scaling: float, gamma: float, threshold: float
) -> list[float]:
    """For each batch how much better the burst state explains it, 0 where there is no burst.

    `known` are the weights of the first batches, found before: they burst or not as they did, whatever is found now.
    Negative ones count as not known. `scaling` (s, above 1) and `gamma` (γ, above 0) are the keyword's. No batch
    bursts in which the burst state costs over `threshold` · ln n more than the base state. Weights are infinite when
    p1 is above 1: when the keyword is so frequent that nothing can be s times as frequent.
    """
    known = [weight for weight in known if not weight < 0]
    new = len(counts) - len(known)
    documents, relevant = (sum(column) for column in zip(*counts, strict=True))
    p0 = relevant / documents if documents else 0.0
    p1 = scaling * p0
    if p1 > 1:
        return [*known, *[math.inf] * new]
    if p0 == 0:
        return [*known, *[0.0] * new]
    costs = _costs(counts, p0, p1, gamma, threshold)
    bursts = [weight > 0 for weight in known]
    bursts += _cheapest(counts, costs, len(known), burst_before=bool(bursts) and bursts[-1])
    return [
        base - burst if bursting and base > burst else 0.0
        for base, burst, bursting in zip(costs.base, costs.burst, bursts, strict=True)
    ]


def _costs(counts: Sequence[Counts], p0: float, p1: float, gamma: float, threshold: float) -> _Costs:
    """Costs are -ln of binomial probabilities."""
    base, burst = [], []
    logs0, logs1 = (_log(p0), _log(1.0 - p0)), (_log(p1), _log(1.0 - p1))
    for d, r in counts:
        choose = math.lgamma(d + 1) - math.lgamma(r + 1) - math.lgamma(d - r + 1)
        base.append(-(choose + r * logs0[0] + (d - r) * logs0[1]))
        burst.append(-(choose + r * logs1[0] + (d - r) * logs1[1]))
    log_n = math.log(len(counts))
    return _Costs(base, burst, gamma * log_n, threshold * log_n)


def _cheapest(counts: Sequence[Counts], costs: _Costs, first: int, *, burst_before: bool) -> list[bool]:
    """Whether each batch from `first` on bursts in the cheapest sequence (A. Viterbi, 1967); base among equals."""

    def ends_bursts(i: int) -> bool:
        return counts[i][0] == 0 or costs.burst[i] - costs.base[i] > costs.limit

    in_base, in_burst = (math.inf, 0.0) if burst_before else (0.0, math.inf)
    came_from_burst: list[tuple[bool, bool]] = []  # to base, to burst
    for i in range(first, len(counts)):
        entering = in_base + costs.change
        leaves = stays = False
        if i == 0 or not ends_bursts(i - 1):
            leaves, stays = in_burst < in_base, in_burst < entering
        came_from_burst.append((leaves, stays))
        in_base, in_burst = (
            (in_burst if leaves else in_base) + costs.base[i],
            (in_burst if stays else entering) + costs.burst[i],
        )
    bursting = not (ends_bursts(len(counts) - 1) or in_base <= in_burst)
    bursts = []
    for origin in reversed(came_from_burst):
        bursts.append(bursting)
        bursting = origin[bursting]
    return bursts[::-1]


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf
