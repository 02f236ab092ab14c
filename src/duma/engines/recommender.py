"""The recommender engine: rows that grow, and the rows most like a row or a datum."""

from typing import Any

from duma import _core
from duma.configuration import InvalidParameter
from duma.convert.converter import build_converter
from duma.engines.core_model import CoreEngine
from duma.engines.datum import Datum
from duma.engines.declaration import CHT2, RANDOM, Aggregator, Packed, analysis, update
from duma.engines.id_with_score import IdWithScore
from duma.engines.recommender_configuration import RECOMMENDER_FORM, read_recommender_configuration
from duma.engines.wire_types import Float, UInt, raw

# Dimensions of a projection from which on a row takes about a millisecond.
_MANY_PROJECTIONS = 4096


def _learns_long(engine: "Recommender") -> bool:
    return engine._projections >= _MANY_PROJECTIONS


def _searches_long(engine: "Recommender") -> bool:
    return engine._projections >= _MANY_PROJECTIONS or engine._model.slow


class Recommender(CoreEngine):
    """Keeps the features of rows, and finds the rows that are most alike.

    Methods: inverted_index (cosine), inverted_index_euclid (Euclid's distance), lsh (angle), minhash (weighted Jaccard
    similarity), euclid_lsh (Euclid's distance among rows in the same cells of random lattices), and
    nearest_neighbor_recommender (any method of the nearest neighbour engine). What each compares is in the core's
    `neighbors/recommender_indexes.hpp`.
    """

    type = "recommender"
    configuration_form = RECOMMENDER_FORM
    _model: _core.Recommender
    _projections: int

    def build(self, configuration: Any) -> None:
        settings = read_recommender_configuration(configuration)
        self._projections = settings.index.projections
        self._model = _core.Recommender(
            settings.index.build(), build_converter(settings.converter), settings.index.build_unlearner()
        )

    @update(route=CHT2, aggregator=Aggregator.ALL_AND)
    def clear_row(self, id: str) -> bool:  # noqa: A002 - clients pass it by this name
        """Forget a row, if it is there; returns true."""
        self._model.clear_row(raw(id))
        return True

    @update(route=CHT2, aggregator=Aggregator.ALL_AND, slow=_learns_long)
    def update_row(self, id: str, row: Packed[Datum]) -> bool:  # noqa: A002
        """Add the features of a datum to a row, in place of those of the same name; returns true."""
        self._model.update_row(raw(id), row)
        return True

    @analysis(route=CHT2, slow=_searches_long)
    def complete_row_from_id(self, id: str) -> Packed[Datum]:  # noqa: A002
        """The mean of the rows most like a row, as far as features can be made a datum again."""
        return self._model.complete_by_id(raw(id))  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_searches_long)
    def complete_row_from_datum(self, row: Packed[Datum]) -> Packed[Datum]:
        """The mean of the rows most like a datum, as far as features can be made a datum again."""
        return self._model.complete_by_datum(row)  # type: ignore[return-value]

    @analysis(route=CHT2, slow=_searches_long)
    def similar_row_from_id(self, id: str, size: UInt) -> Packed[list[IdWithScore]]:  # noqa: A002
        """The rows most like a row (itself among them) and their scores, most alike first."""
        return self._similar_by_id(id, _core.Limit.size(size))

    @analysis(route=CHT2, slow=_searches_long)
    def similar_row_from_id_and_score(self, id: str, score: float) -> Packed[list[IdWithScore]]:  # noqa: A002
        """The rows like a row with at least this score, most alike first."""
        return self._similar_by_id(id, _core.Limit.score(score))

    @analysis(route=CHT2, slow=_searches_long)
    def similar_row_from_id_and_rate(self, id: str, rate: Float) -> Packed[list[IdWithScore]]:  # noqa: A002
        """A share of all rows (above 0, at most 1), those most like a row first."""
        return self._similar_by_id(id, _share(rate))

    @analysis(route=RANDOM, slow=_searches_long)
    def similar_row_from_datum(self, row: Packed[Datum], size: UInt) -> Packed[list[IdWithScore]]:
        """The rows most like a datum and their scores, most alike first."""
        return self._similar_by_datum(row, _core.Limit.size(size))

    @analysis(route=RANDOM, slow=_searches_long)
    def similar_row_from_datum_and_score(self, row: Packed[Datum], score: float) -> Packed[list[IdWithScore]]:
        """The rows like a datum with at least this score, most alike first."""
        return self._similar_by_datum(row, _core.Limit.score(score))

    @analysis(route=RANDOM, slow=_searches_long)
    def similar_row_from_datum_and_rate(self, row: Packed[Datum], rate: Float) -> Packed[list[IdWithScore]]:
        """A share of all rows (above 0, at most 1), those most like a datum first."""
        return self._similar_by_datum(row, _share(rate))

    @analysis(route=CHT2)
    def decode_row(self, id: str) -> Packed[Datum]:  # noqa: A002
        """A row, as far as its features can be made a datum again; an empty one for an unknown id."""
        return self._model.decode_row(raw(id))  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_searches_long)
    def get_all_rows(self) -> Packed[list[str]]:
        """The ids of all rows that can be found."""
        return self._model.get_all_rows()  # type: ignore[return-value]

    @analysis(route=RANDOM)
    def calc_similarity(self, lhs: Packed[Datum], rhs: Packed[Datum]) -> float:
        """The cosine of two datums' features, whatever the method; 0 if one has none."""
        return self._model.calc_similarity(lhs, rhs)

    @analysis(route=RANDOM)
    def calc_l2norm(self, row: Packed[Datum]) -> float:
        """The Euclidean length of a datum's features."""
        return self._model.calc_l2norm(row)

    def _similar_by_id(self, id: str, limit: _core.Limit) -> list[IdWithScore]:  # noqa: A002
        return self._model.similar_by_id(raw(id), limit)  # type: ignore[return-value]

    def _similar_by_datum(self, row: Any, limit: _core.Limit) -> list[IdWithScore]:
        return self._model.similar_by_datum(row, limit)  # type: ignore[return-value]

    def hidden_state(self) -> bytes:
        return self._model.hidden_state()

    def set_hidden_state(self, state: bytes) -> None:
        self._model.set_hidden_state(state)

    def adopt(self, model: Any) -> None:
        # Draws and counts go on from here, not from where they were when the model was read.
        model.succeed(self._model)
        super().adopt(model)


def _share(rate: float) -> _core.Limit:
    if not 0 < rate <= 1:
        raise InvalidParameter("0 < rate <= 1", f"it is {rate:g}")
    return _core.Limit.rate(rate)
