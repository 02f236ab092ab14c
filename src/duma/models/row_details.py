"""What a model with rows holds, for people and for JSON; and where two of them differ."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from duma.errors import ModelFileError
from duma.models.report import shown
from duma.models.row_configuration import RowConfiguration
from duma.models.row_model import RowModel
from duma.models.row_parts import RowPart, alike
from duma.models.sparse_rows import SparseRows
from duma.models.unlearners import arranged, known_ids
from duma.models.weight_manager import differing_documents


def row_details(model: RowModel, configuration: RowConfiguration, top: int) -> dict[str, Any]:
    """Sizes, and `top` rows: those with the most features, or the first where features are not kept."""
    ids, documents = model.ids(), model.weights.total()
    labels = None if model.counts is None else model.counts.total()
    return {
        "method": configuration.method,
        "rows": len(ids),
        "parts": {title: part.facts() for title, part in model.parts.items()},
        "label_counts": None if labels is None else {shown(label): labels[label] for label in sorted(labels)},
        "unlearner": None
        if configuration.unlearner is None
        else [shown(id_) for id_ in known_ids(configuration.unlearner, model.unlearner)],
        "mix_version": model.weights.version,
        "documents": documents.documents,
        "document_frequencies": len(documents.frequencies),
        "first_rows": [
            {
                "row": shown(row),
                **{title: part.shown(row) for title, part in model.parts.items() if row in part.rows},
            }
            for row in _shown_rows(model, ids, top)
        ],
    }


def row_difference(a: RowModel, b: RowModel, tolerance: float, top: int) -> dict[str, Any]:
    """Rows that are only in one, and rows that differ, part by part; `top` of each are named.

    Numbers that differ by at most `tolerance` are the same; by whom and when rows were written does not
    count. Raises `ModelFileError` for models that have different parts.
    """
    if a.part_shapes() != b.part_shapes():
        raise ModelFileError("the methods of the two models keep different things of their rows")
    parts = [_part_difference(title, part, b.parts[title], tolerance, top) for title, part in a.parts.items()]
    counts_a, counts_b = (model.counts.total() if model.counts else {} for model in (a, b))
    result = {
        "rows": {"a": len(a.ids()), "b": len(b.ids())},
        "parts": parts,
        "label_counts": [
            {"label": shown(label), "a": counts_a.get(label), "b": counts_b.get(label)}
            for label in sorted({*counts_a, *counts_b})
            if counts_a.get(label) != counts_b.get(label)
        ],
        "unlearner": arranged(a.unlearner) != arranged(b.unlearner),
        "documents": differing_documents(a.weights.total(), b.weights.total()),
    }
    same = (
        all(not part[which]["count"] for part in parts for which in ("only_a", "only_b", "differing"))
        and not result["label_counts"]
        and not result["unlearner"]
        and result["documents"] is None
    )
    return {"same": same, **result}


def _shown_rows(model: RowModel, ids: dict[bytes, None], top: int) -> list[bytes]:
    features = next((part.rows for part in model.parts.values() if isinstance(part, SparseRows)), None)
    if features is None:
        return list(islice(ids, top))
    return sorted(ids, key=lambda row: (-len(features.get(row, ())), row))[:top]


def _part_difference(title: str, a: RowPart, b: RowPart, tolerance: float, top: int) -> dict[str, Any]:
    return {
        "part": title,
        "a": len(a.rows),
        "b": len(b.rows),
        "only_a": _named((row for row in a.rows if row not in b.rows), top),
        "only_b": _named((row for row in b.rows if row not in a.rows), top),
        "differing": _named(
            (
                row
                for row in a.rows
                if row in b.rows and not alike(a.compared(row), b.compared(row), tolerance)
            ),
            top,
        ),
    }


def _named(rows: Iterable[bytes], top: int) -> dict[str, Any]:
    found = list(rows)
    return {"count": len(found), "examples": [shown(row) for row in found[:top]]}
