"""The classifier engine: learns labels from labelled datums."""

from typing import Any, NamedTuple

from duma import _core
from duma.convert.converter import build_converter
from duma.engines.classifier_configuration import (
    CLASSIFIER_FORM,
    NeighborClassifierConfiguration,
    read_classifier_configuration,
)
from duma.engines.core_model import CoreEngine
from duma.engines.datum import Datum
from duma.engines.declaration import BROADCAST, RANDOM, Aggregator, Packed, analysis, update
from duma.engines.neighbor_configuration import seed_of_ids
from duma.engines.wire_types import ULong, raw


class LabeledDatum(NamedTuple):
    """A datum and the label that it teaches."""

    label: str
    data: Datum


class EstimateResult(NamedTuple):
    """A label and its score: a margin or a sum of votes, not a probability."""

    label: str
    score: float


def _learns_slowly(engine: "Classifier") -> bool:
    return isinstance(engine._model, _core.NeighborClassifier) and engine._model.learns_slowly


def _searches_long(engine: "Classifier") -> bool:
    return isinstance(engine._model, _core.NeighborClassifier) and engine._model.slow


class Classifier(CoreEngine):
    """Learns labels from labelled datums.

    Linear methods: perceptron, PA, PA1, PA2, CW, AROW and NHERD. Each label has a weight per feature, its score for a
    datum is the sum of weight times value. What each method does to the weights is in the core's
    `linear/methods.hpp`, with the papers.

    Methods by neighbours: NN, cosine and euclidean. Every datum is kept, and the nearest ones vote (see the core's
    `neighbors/neighbor_classifier.hpp`).
    """

    type = "classifier"
    configuration_form = CLASSIFIER_FORM
    _model: _core.LinearClassifier | _core.NeighborClassifier

    def build(self, configuration: Any) -> None:
        settings = read_classifier_configuration(configuration)
        if isinstance(settings, NeighborClassifierConfiguration):
            neighbors = settings.neighbors
            self._model = _core.NeighborClassifier(
                neighbors.records(),
                neighbors.count,
                settings.local_sensitivity,
                build_converter(neighbors.converter),
                neighbors.unlearner.build() if neighbors.unlearner else None,
                seed_of_ids(),
            )
            return
        self._model = _core.LinearClassifier(
            settings.method,
            settings.regularization_weight,
            build_converter(settings.converter),
            settings.unlearner.build() if settings.unlearner else None,
        )

    @update(route=RANDOM, slow=_learns_slowly)
    def train(self, data: Packed[list[LabeledDatum]]) -> int:
        """Learn from each labelled datum in turn; returns how many were learned."""
        return self._model.train(data)

    @analysis(route=RANDOM, slow=_searches_long)
    def classify(self, data: Packed[list[Datum]]) -> Packed[list[list[EstimateResult]]]:
        """The score of every label for each datum."""
        return self._model.classify(data)  # type: ignore[return-value]

    @analysis(route=RANDOM)
    def get_labels(self) -> Packed[dict[str, ULong]]:
        """Every label with the number of datums that taught it."""
        return self._model.get_labels()  # type: ignore[return-value]

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def set_label(self, new_label: str) -> bool:
        """Make a label known before any datum teaches it; false if it is known already."""
        return self._model.set_label(raw(new_label))

    @update(route=BROADCAST, aggregator=Aggregator.ALL_OR, slow=_searches_long)
    def delete_label(self, target_label: str) -> bool:
        """Forget a label and all its weights or records; false if it is unknown, and with cosine and euclidean."""
        return self._model.delete_label(raw(target_label))

    def hidden_state(self) -> bytes:
        return self._model.hidden_state()

    def set_hidden_state(self, state: bytes) -> None:
        self._model.set_hidden_state(state)

    def adopt(self, model: Any) -> None:
        # Draws go on from here, not from where they were when the model was read.
        model.set_hidden_state(self._model.hidden_state())
        super().adopt(model)
