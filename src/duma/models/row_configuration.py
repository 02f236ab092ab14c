"""What the configurations of engines with rows have in common."""

from dataclasses import dataclass
from typing import Any

from duma.engines.recommender_configuration import RECOMMENDER_METHODS
from duma.engines.signature_configuration import SignatureConfiguration
from duma.models.column_table import ColumnTable
from duma.models.densities import LofSettings
from duma.models.inverted_rows import InvertedRows
from duma.models.lattice_rows import LatticeRows
from duma.models.row_model import PartShape, Shape
from duma.models.signature_rows import SignatureRows
from duma.models.sparse_rows import SparseRows
from duma.models.unlearners import Unlearner

TABLE = PartShape("signatures", ColumnTable)
INVERTED = PartShape("index", InvertedRows)
_FEATURES = PartShape("features", SparseRows)

# The index of each method of the recommender, and the parameters that what it holds of a row depends on.
_INDEXES: dict[str, tuple[PartShape, tuple[str, ...]]] = {
    "inverted_index": (INVERTED, ()),
    "inverted_index_euclid": (INVERTED, ()),
    "lsh": (PartShape("signatures", SignatureRows), ("hash_num",)),
    "minhash": (PartShape("signatures", SignatureRows), ("hash_num",)),
    "euclid_lsh": (PartShape("lattices", LatticeRows), ("hash_num", "table_num", "bin_width", "seed")),
    "nearest_neighbor_recommender": (TABLE, ()),
}
# Of these two the index is the same.
_BY_FEATURES = "inverted_index"


@dataclass(frozen=True)
class RowConfiguration:
    """What a configuration says of a model with rows."""

    method: str
    shape: Shape
    stored_by: dict[str, Any]  # the settings that what is stored of a row depends on
    unlearner: Unlearner | None
    converter: dict[str, Any]
    lof: LofSettings | None = None  # of lof, whose models bring their own


def stored_by_signatures(signatures: SignatureConfiguration) -> dict[str, Any]:
    """The settings of signatures that `RowConfiguration.stored_by` is about."""
    return {"method of signatures": signatures.method, "hash_num": signatures.hash_num}


def recommender_parts(method: str, parameter: Any) -> tuple[tuple[PartShape, PartShape], dict[str, Any]]:
    """The parts of a recommender's model, and `RowConfiguration.stored_by`. The parameters are checked ones."""
    name, _ = RECOMMENDER_METHODS.find(method)
    index, names = _INDEXES[name]
    parameter = parameter or {}
    stored_by = {"index": _BY_FEATURES if index is INVERTED else name}
    if name == "nearest_neighbor_recommender":
        inner = parameter["parameter"]
        stored_by |= {"method of signatures": parameter["method"], "hash_num": inner["hash_num"]}
    return (_FEATURES, index), stored_by | {each: parameter[each] for each in names}
