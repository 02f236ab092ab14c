"""The regression engine: learns numbers from datums."""

from typing import Any, NamedTuple

from duma import _core
from duma.convert.converter import build_converter
from duma.engines.core_model import CoreEngine
from duma.engines.datum import Datum
from duma.engines.declaration import RANDOM, Packed, analysis, update
from duma.engines.regression_configuration import REGRESSION_FORM, read_regression_configuration


class ScoredDatum(NamedTuple):
    """A datum and the number that it teaches."""

    score: float
    data: Datum


class Regression(CoreEngine):
    """Learns to estimate a number from datums with known ones.

    Methods: perceptron, PA, PA1, PA2, CW, AROW and NHERD, all linear: each feature has a weight, the estimate for a
    datum is the sum of weight times value. How far each method steps is in the core's
    `linear/regression_methods.hpp`.
    """

    type = "regression"
    configuration_form = REGRESSION_FORM
    _model: _core.LinearRegression

    def build(self, configuration: Any) -> None:
        settings = read_regression_configuration(configuration)
        self._model = _core.LinearRegression(
            settings.method,
            settings.regularization_weight,
            settings.sensitivity,
            settings.learning_rate,
            build_converter(settings.converter),
        )

    @update(route=RANDOM)
    def train(self, train_data: Packed[list[ScoredDatum]]) -> int:
        """Learn from each scored datum in turn; returns how many were learned."""
        return self._model.train(train_data)

    @analysis(route=RANDOM)
    def estimate(self, estimate_data: Packed[list[Datum]]) -> Packed[list[float]]:
        """The estimated number for each datum."""
        return self._model.estimate(estimate_data)  # type: ignore[return-value]

    def hidden_state(self) -> bytes:
        # Mean and deviation of the targets, with PA. A model that is loaded begins without, as in Jubatus.
        return self._model.hidden_state()

    def set_hidden_state(self, state: bytes) -> None:
        self._model.set_hidden_state(state)
