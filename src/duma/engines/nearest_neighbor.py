"""The nearest neighbour engine: finds the rows that are most like a datum."""

from typing import Any

from duma import _core
from duma.configuration import check
from duma.configuration_form import Form
from duma.convert.converter import build_converter
from duma.convert.schema import CONVERTER_MEMBER
from duma.engines.core_model import CoreEngine
from duma.engines.datum import Datum
from duma.engines.declaration import CHT1, RANDOM, Packed, analysis, update
from duma.engines.id_with_score import IdWithScore
from duma.engines.signature_configuration import SIGNATURE_METHODS, read_signature_configuration
from duma.engines.wire_types import UInt, raw

_FORM = Form("finds neighbours", {"converter": CONVERTER_MEMBER}, (SIGNATURE_METHODS,))


def _searches_long(engine: "NearestNeighbor") -> bool:
    return engine._model.slow


class NearestNeighbor(CoreEngine):
    """Keeps a signature, a short string of bits, for each row, and finds the rows with the most similar ones.

    Methods: lsh (angle), minhash (weighted Jaccard similarity), euclid_lsh (Euclid's distance). How distances
    follow from signatures is in the core's `neighbors/signature_index.hpp`.
    """

    type = "nearest_neighbor"
    configuration_form = _FORM
    _model: _core.NearestNeighbor

    def build(self, configuration: Any) -> None:
        top = check(_FORM.schema, configuration)
        settings = read_signature_configuration(top["method"], top.get("parameter"), ".parameter")
        self._model = _core.NearestNeighbor(settings.build(), build_converter(top["converter"]))
        self._updated_rows = 0  # since the start or the last clear, whatever is loaded

    @update(route=CHT1)
    def set_row(self, id: str, d: Packed[Datum]) -> bool:  # noqa: A002 - clients pass it by this name
        """Set a row to a datum, in place of an older one; returns true."""
        self._model.set_row(raw(id), d)
        self._updated_rows += 1
        return True

    @analysis(route=RANDOM, slow=_searches_long)
    def neighbor_row_from_id(self, id: str, size: UInt) -> Packed[list[IdWithScore]]:  # noqa: A002
        """The rows nearest to a row (itself among them) and their distances, nearest first; none for an unknown id."""
        return self._model.search_by_id(raw(id), size, _core.Score.distance)  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_searches_long)
    def neighbor_row_from_datum(self, query: Packed[Datum], size: UInt) -> Packed[list[IdWithScore]]:
        """The rows nearest to a datum and their distances, nearest first."""
        return self._model.search_by_datum(query, size, _core.Score.distance)  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_searches_long)
    def similar_row_from_id(self, id: str, ret_num: UInt) -> Packed[list[IdWithScore]]:  # noqa: A002
        """The rows most similar to a row (itself among them), most similar first; none for an unknown id."""
        return self._model.search_by_id(raw(id), ret_num, _core.Score.similarity)  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_searches_long)
    def similar_row_from_datum(self, query: Packed[Datum], ret_num: UInt) -> Packed[list[IdWithScore]]:
        """The rows most similar to a datum, most similar first."""
        return self._model.search_by_datum(query, ret_num, _core.Score.similarity)  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_searches_long)
    def get_all_rows(self) -> Packed[list[str]]:
        """The ids of all rows."""
        return self._model.get_all_rows()  # type: ignore[return-value]

    def forget(self) -> None:
        super().forget()
        self._updated_rows = 0

    def status(self) -> dict[str, str]:
        return {"update_row_cnt": str(self._updated_rows), **super().status()}
