"""The bandit engine: which of several arms to try next, for each of many players."""

import time
from collections.abc import Callable
from typing import Any

from duma.engines.bandit_configuration import BANDIT_FORM, BanditConfiguration, read_bandit_configuration
from duma.engines.bandit_methods import (
    EpsilonDecreasing,
    EpsilonGreedy,
    Exp3,
    Method,
    Softmax,
    ThompsonSampling,
    UpperConfidenceBound,
)
from duma.engines.bandit_model import ArmInfo, BanditModel, UnknownArm, read_bandit_model
from duma.engines.declaration import BROADCAST, CHT1, Aggregator, analysis, update
from duma.engines.engine import Engine, Snapshot
from duma.engines.mersenne_twister import MersenneTwister
from duma.errors import DumaError

_SLOW_ARMS = 200  # a selection among as many takes about half a millisecond


class NoArm(DumaError):
    """A selection among no arms, or a reward of one that is not registered."""


_WITH_A_NUMBER: dict[str, Callable[[MersenneTwister, float], Method]] = {
    "epsilon_greedy": EpsilonGreedy,
    "epsilon_decreasing": EpsilonDecreasing,
    "softmax": Softmax,
    "exp3": Exp3,
}


def bandit_method(configuration: BanditConfiguration, draws: MersenneTwister) -> Method:
    """The method of a configuration, for which `draws` decide."""
    match configuration.method:
        case "ucb1":
            return UpperConfidenceBound()
        case "ts":
            return ThompsonSampling(draws)
        case name:
            return _WITH_A_NUMBER[name](draws, configuration.number)


class Bandit(Engine):
    """Selects arms for players, and learns from the rewards.

    With `assume_unrewarded` a selection counts as a trial at once, and a reward only adds to it. Without, the reward
    is the trial.
    """

    type = "bandit"
    configuration_form = BANDIT_FORM

    def build(self, configuration: Any) -> None:
        settings = read_bandit_configuration(configuration)
        self._draws = MersenneTwister(time.time_ns() // 1000 if settings.seed is None else settings.seed)
        self._method = bandit_method(settings, self._draws)
        self._assume_unrewarded = settings.assume_unrewarded
        self._model = BanditModel()

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def register_arm(self, arm_id: str) -> bool:
        """Add an arm, for all players; false if there is one of this name."""
        return self._model.register(arm_id)

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def delete_arm(self, arm_id: str) -> bool:
        """Remove an arm and all that players know of it; false if there is none of this name."""
        return self._model.delete(arm_id)

    @update(route=CHT1, slow=lambda engine: engine.arm_count > _SLOW_ARMS)
    def select_arm(self, player_id: str) -> str:
        """The arm that a player is to try next."""
        arms = self._model.arms()
        if not arms:
            raise NoArm("arm is not registered")
        arm = arms[self._method.select(self._model.standing(player_id))]
        if self._assume_unrewarded:
            self._model.add(player_id, arm, trials=1, weight=0.0)
        return arm

    @update(route=CHT1, aggregator=Aggregator.ALL_AND, slow=lambda engine: engine.arm_count > _SLOW_ARMS)
    def register_reward(self, player_id: str, arm_id: str, reward: float) -> bool:
        """Learn what an arm gave a player; returns true. exp3 and ts answer false for an unknown arm."""
        method, model = self._method, self._model
        method.check(reward)
        if arm_id in model:
            reward = method.gain(reward, lambda: (model.place(arm_id), model.standing(player_id).arms))
        elif not method.refuses_unknown_arms:
            return False
        try:
            model.add(player_id, arm_id, trials=0 if self._assume_unrewarded else 1, weight=reward)
        except UnknownArm as error:
            raise NoArm(f"arm_id is not registered: {arm_id}") from error
        return True

    @analysis(route=CHT1, slow=lambda engine: engine.arm_count > _SLOW_ARMS)
    def get_arm_info(self, player_id: str) -> dict[str, ArmInfo]:
        """What a player knows of each arm: trials and weight, zeros for an unknown player."""
        return self._model.info(player_id)

    @update(route=BROADCAST, aggregator=Aggregator.ALL_OR)
    def reset(self, player_id: str) -> bool:
        """Forget what a player knows; false for an unknown one."""
        return self._model.reset(player_id)

    @property
    def arm_count(self) -> int:
        """Registered arms."""
        return len(self._model)

    def forget(self) -> None:
        self._model = BanditModel()

    def status(self) -> dict[str, str]:
        return {}

    def snapshot(self) -> Snapshot:
        return self._model.snapshot()

    def read_model(self, user_data: memoryview, progress: Callable[[int], None] | None = None) -> BanditModel:
        return read_bandit_model(user_data, progress)

    def adopt(self, model: BanditModel) -> None:
        self._model = model

    def hidden_state(self) -> bytes:
        """The state of the random draws."""
        return self._draws.state()

    def set_hidden_state(self, state: bytes) -> None:
        """Go on with the draws from there."""
        self._draws.set_state(state)
