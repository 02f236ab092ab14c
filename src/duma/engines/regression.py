"""The regression engine: learns numbers from datums."""

from typing import Any, NamedTuple

from duma import _core
from duma.convert.converter import build_converter
from duma.engines.core_model import CoreEngine
from duma.engines.datum import Datum
from duma.engines.declaration import RANDOM, Packed, analysis, update
from duma.engines.neighbor_configuration import seed_of_ids
from duma.engines.regression_configuration import (
    REGRESSION_FORM,
    NeighborRegressionConfiguration,
    read_regression_configuration,
)


class ScoredDatum(NamedTuple):
    """A datum and the number that it teaches."""

    score: float
    data: Datum


def _learns_slowly(engine: "Regression") -> bool:
    return isinstance(engine._model, _core.NeighborRegression) and engine._model.learns_slowly


def _searches_long(engine: "Regression") -> bool:
    return isinstance(engine._model, _core.NeighborRegression) and engine._model.slow


class Regression(CoreEngine):
    """Learns to estimate a number from datums with known ones.

    Linear methods: perceptron, PA, PA1, PA2, CW, AROW and NHERD. Each feature has a weight, the estimate for a datum
    is the sum of weight times value. How far each method steps is in the core's `linear/regression_methods.hpp`.

    Methods by neighbours: NN, cosine and euclidean. Every datum is kept, and the estimate is the mean of the nearest
    ones' numbers (see the core's `neighbors/neighbor_regression.hpp`).
    """

    type = "regression"
    configuration_form = REGRESSION_FORM
    _model: _core.LinearRegression | _core.NeighborRegression

    def build(self, configuration: Any) -> None:
        settings = read_regression_configuration(configuration)
        if isinstance(settings, NeighborRegressionConfiguration):
            neighbors = settings.neighbors
            self._model = _core.NeighborRegression(
                neighbors.records(),
                neighbors.count,
                _core.Weighting.distance if settings.weight == "distance" else _core.Weighting.uniform,
                build_converter(neighbors.converter),
                neighbors.unlearner.build() if neighbors.unlearner else None,
                seed_of_ids(),
            )
            return
        self._model = _core.LinearRegression(
            settings.method,
            settings.regularization_weight,
            settings.sensitivity,
            settings.learning_rate,
            build_converter(settings.converter),
        )

    @update(route=RANDOM, slow=_learns_slowly)
    def train(self, train_data: Packed[list[ScoredDatum]]) -> int:
        """Learn from each scored datum in turn; returns how many were learned."""
        return self._model.train(train_data)

    @analysis(route=RANDOM, slow=_searches_long)
    def estimate(self, estimate_data: Packed[list[Datum]]) -> Packed[list[float]]:
        """The estimated number for each datum."""
        return self._model.estimate(estimate_data)  # type: ignore[return-value]

    def hidden_state(self) -> bytes:
        # Mean and deviation of the targets, with PA. With neighbours the state of random draws.
        return self._model.hidden_state()

    def set_hidden_state(self, state: bytes) -> None:
        self._model.set_hidden_state(state)

    def adopt(self, model: Any) -> None:
        # Draws go on from here. A linear model begins without statistics of targets, as in Jubatus.
        if isinstance(model, _core.NeighborRegression):
            model.set_hidden_state(self._model.hidden_state())
        super().adopt(model)
