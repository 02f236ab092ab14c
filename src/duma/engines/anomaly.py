"""The anomaly engine: scores how much a datum is an outlier among its neighbours."""

from typing import Any

from duma import _core
from duma.configuration import UnsupportedMethod
from duma.convert.converter import build_converter
from duma.engines import declaration
from duma.engines.anomaly_configuration import (
    ANOMALY_FORM,
    AnomalyConfiguration,
    read_anomaly_configuration,
)
from duma.engines.core_model import CoreEngine
from duma.engines.datum import Datum
from duma.engines.declaration import CHT2, RANDOM, Aggregator, Packed, analysis
from duma.engines.id_with_score import IdWithScore
from duma.engines.signature_configuration import SignatureConfiguration
from duma.engines.wire_types import raw


def _searches_long(engine: "Anomaly") -> bool:
    return engine._model.slow_search


def _updates_long(engine: "Anomaly") -> bool:
    return engine._model.slow_update


class Anomaly(CoreEngine):
    """Stores datums as points and gives each its local outlier factor: about 1 among equals, more for an outlier
    (Breunig et al., "LOF: identifying density-based local outliers", 2000).

    Methods: lof, over any index of the recommender; light_lof, over signatures. When a point comes, only the
    densities of its neighbours are estimated anew: how is in the core's `neighbors/lof.hpp` and `light_lof.hpp`.
    """

    type = "anomaly"
    configuration_form = ANOMALY_FORM
    _model: _core.Anomaly

    def build(self, configuration: Any) -> None:
        settings = read_anomaly_configuration(configuration)
        self._method = settings.method
        self._model = _build(settings)

    @declaration.update(route=RANDOM, slow=_updates_long)
    def add(self, row: Packed[Datum]) -> Packed[IdWithScore]:
        """Store a datum under a new id, a number; returns the id and the score."""
        return self._model.add(row)  # type: ignore[return-value]

    @declaration.update(route=RANDOM, slow=True)
    def add_bulk(self, data: Packed[list[Datum]]) -> Packed[list[str]]:
        """Store datums under new ids, and then estimate densities once; returns the ids of those stored."""
        return self._model.add_bulk(data)  # type: ignore[return-value]

    @declaration.update(route=CHT2, slow=_updates_long)
    def update(self, id: str, row: Packed[Datum]) -> float:  # noqa: A002 - clients pass it by this name
        """Add a datum to a row, which need not exist (lof only); returns its score."""
        self._require_lof("update_row")
        return self._model.update(raw(id), row)

    @declaration.update(route=CHT2, slow=_updates_long)
    def overwrite(self, id: str, row: Packed[Datum]) -> float:  # noqa: A002
        """Set a row to a datum, in place of an older one; returns its score."""
        return self._model.overwrite(raw(id), row)

    @declaration.update(route=CHT2, aggregator=Aggregator.ALL_AND)
    def clear_row(self, id: str) -> bool:  # noqa: A002
        """Forget a row, which need not exist (lof only); returns true. Its neighbours' densities stay as they are."""
        self._require_lof("clear_row")
        self._model.clear_row(raw(id))
        return True

    @analysis(route=RANDOM, slow=_searches_long)
    def calc_score(self, row: Packed[Datum]) -> float:
        """The score of a datum, which is not stored; infinite while nothing is."""
        return self._model.calc_score(row)

    @analysis(route=RANDOM, slow=_searches_long)
    def get_all_rows(self) -> Packed[list[str]]:
        """The ids of all rows."""
        return self._model.get_all_rows()  # type: ignore[return-value]

    def hidden_state(self) -> bytes:
        return self._model.hidden_state()

    def set_hidden_state(self, state: bytes) -> None:
        self._model.set_hidden_state(state)

    def adopt(self, model: Any) -> None:
        model.draw_on_from(self._model)  # from here, not from where it was when the model was read
        super().adopt(model)

    def _require_lof(self, operation: str) -> None:
        if self._method != "lof":
            raise UnsupportedMethod(operation)


def _build(settings: AnomalyConfiguration) -> _core.Anomaly:
    converter = build_converter(settings.converter)
    unlearner = None if settings.unlearner is None else settings.unlearner.build()
    if isinstance(settings.index, SignatureConfiguration):
        return _core.Anomaly.light_lof(settings.lof_settings(), settings.index.build(), converter, unlearner)
    return _core.Anomaly.lof(settings.lof_settings(), settings.index.build(), converter, unlearner)
