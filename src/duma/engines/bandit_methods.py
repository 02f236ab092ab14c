"""How a bandit selects an arm, and what it makes of a reward.

Each method knows its parameters and draws, nothing of arms and players. Arms are told apart by their places. Among
equals the first arm wins.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import ClassVar, Protocol

from duma.engines.bandit_model import ArmInfo, Standing
from duma.engines.mersenne_twister import MersenneTwister
from duma.errors import DumaError

# The place of the rewarded arm, and what the player knows of all arms.
Look = Callable[[], tuple[int, Sequence[ArmInfo]]]


class Method(Protocol):
    """A way to select arms."""

    refuses_unknown_arms: ClassVar[bool]  # by an error; otherwise a reward of one is answered by false

    def select(self, standing: Standing) -> int:
        """The place of the arm to try; there is at least one arm."""

    def gain(self, reward: float, look: Look) -> float:
        """What the weight of the rewarded arm gains."""

    def check(self, reward: float) -> None:
        """Raises `RefusedReward` for one that the method has no use for."""


class RefusedReward(DumaError):
    """A reward that the method has no use for."""


class _Summing:
    """Weights are sums of rewards."""

    refuses_unknown_arms: ClassVar[bool] = True

    def gain(self, reward: float, look: Look) -> float:  # noqa: ARG002
        return reward

    def check(self, reward: float) -> None:
        pass


class EpsilonGreedy(_Summing):
    """Explores with the probability epsilon, otherwise takes the arm with the largest mean reward.

    C. Watkins, "Learning from Delayed Rewards", 1989.
    """

    def __init__(self, draws: MersenneTwister, epsilon: float) -> None:
        self._draws = draws
        self._epsilon = epsilon

    def select(self, standing: Standing) -> int:
        return self._explore_or_exploit(standing, self._epsilon)

    def _explore_or_exploit(self, standing: Standing, epsilon: float) -> int:
        if self._draws.uniform() < epsilon:
            return self._draws.below(len(standing.arms))
        return _largest(arm.expectation for arm in standing.arms)


class EpsilonDecreasing(EpsilonGreedy):
    """Explores the less the more was tried: with the probability min(1, 5 K / d² · ln t / t) in trial t of K arms.

    P. Auer, N. Cesa-Bianchi and P. Fischer, "Finite-time Analysis of the Multiarmed Bandit Problem", 2002, section 3
    (with 5 for c, and ln t / t for 1 / t). The larger the rate d, the less is explored.
    """

    def __init__(self, draws: MersenneTwister, decreasing_rate: float) -> None:
        super().__init__(draws, epsilon=0.0)
        self._rate = decreasing_rate

    def select(self, standing: Standing) -> int:
        t = standing.total + 1
        epsilon = _divided(5.0 * len(standing.arms) * (math.log(t) / t), self._rate * self._rate)
        return self._explore_or_exploit(standing, min(1.0, epsilon))


class Softmax(_Summing):
    """Takes arms with probabilities that are as exp(mean reward / tau).

    R. Luce, "Individual Choice Behavior", 1959. Where an exponential is beyond doubles, it is always the last arm.
    """

    def __init__(self, draws: MersenneTwister, tau: float) -> None:
        self._draws = draws
        self._tau = tau

    def select(self, standing: Standing) -> int:
        return _by_weights([_exp(arm.expectation / self._tau) for arm in standing.arms], self._draws)


class Exp3:
    """Takes arms with probabilities from weights that grow by reward / probability; for rewards in [0, 1].

    P. Auer, N. Cesa-Bianchi, Y. Freund and R. Schapire, "The Nonstochastic Multiarmed Bandit Problem", 2002, figure 1.
    What is stored is the logarithm of the paper's weight.
    """

    refuses_unknown_arms: ClassVar[bool] = False

    def __init__(self, draws: MersenneTwister, gamma: float) -> None:
        self._draws = draws
        self._gamma = gamma

    def select(self, standing: Standing) -> int:
        return _by_weights(self._probabilities(standing.arms), self._draws)

    def gain(self, reward: float, look: Look) -> float:
        place, arms = look()
        return _divided(reward, self._probabilities(arms)[place]) * self._gamma / len(arms)

    def check(self, reward: float) -> None:
        pass

    def _probabilities(self, arms: Sequence[ArmInfo]) -> list[float]:
        powers = [_exp(arm.weight) for arm in arms]
        total, share = sum(powers), self._gamma / len(arms)
        return [_divided((1.0 - self._gamma) * power, total) + share for power in powers]


class UpperConfidenceBound(_Summing):
    """Takes the arm with the largest mean reward + √(2 ln t / trials); first every arm once.

    UCB1 of P. Auer, N. Cesa-Bianchi and P. Fischer, "Finite-time Analysis of the Multiarmed Bandit Problem", 2002,
    figure 1; for rewards in [0, 1].
    """

    def select(self, standing: Standing) -> int:
        for place, arm in enumerate(standing.arms):
            if arm.trial_count == 0:
                return place
        # A file may have a total of 0 where there are trials.
        doubled = 2.0 * math.log(standing.total) if standing.total > 0 else -math.inf
        return _largest(arm.expectation + _sqrt(doubled / arm.trial_count) for arm in standing.arms)


class ThompsonSampling(_Summing):
    """Draws what each arm may be worth, by beta distributions of its rewards of 0 and 1, and takes the largest.

    W. Thompson, "On the likelihood that one unknown probability exceeds another in view of the evidence of two
    samples", 1933.
    """

    refuses_unknown_arms: ClassVar[bool] = False

    def __init__(self, draws: MersenneTwister) -> None:
        self._draws = draws

    def select(self, standing: Standing) -> int:
        return _largest(
            self._draws.beta(arm.weight + 1.0, arm.trial_count - arm.weight + 1.0) for arm in standing.arms
        )

    def check(self, reward: float) -> None:
        if reward not in (0.0, 1.0):
            raise RefusedReward("reward is not in {0,1}")


def _largest(values: Iterable[float]) -> int:
    """The place of the largest value, the first of equals; NaN is never larger."""
    best, largest = 0, -math.inf
    for place, value in enumerate(values):
        if value > largest:
            best, largest = place, value
    return best


def _by_weights(weights: Sequence[float], draws: MersenneTwister) -> int:
    """A place, with probabilities that are as the weights; the last one where a comparison has no answer."""
    sums = list(accumulate(weights))
    x = sums[-1] * draws.uniform()
    return next((place for place, total in enumerate(sums[:-1]) if x < total), len(weights) - 1)


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0 else math.nan


def _divided(a: float, b: float) -> float:
    """A quotient as C has it."""
    if b != 0:
        return a / b
    return math.nan if a == 0 or a != a else math.copysign(math.inf, a)
