"""What a linear model holds, for people and for JSON; and where two of them differ."""

import heapq
from collections.abc import Iterable
from typing import Any

from duma.models.linear_configuration import LinearConfiguration
from duma.models.linear_model import LinearModel, Rows
from duma.models.packed import broken
from duma.models.report import shown
from duma.models.unlearners import arranged, known_ids
from duma.models.weight_manager import differing_documents

_EXAMPLES = 10


def linear_details(model: LinearModel, configuration: LinearConfiguration, top: int) -> dict[str, Any]:
    """Sizes, labels with their counts, and the `top` features of each label by absolute weight."""
    names = label_names(model)
    rows = model.names()
    features = dict.fromkeys(names, 0)
    largest: dict[int, list[tuple[float, bytes, float, float]]] = {id_: [] for id_ in names}
    for feature, cells in rows.items():
        for id_, (weight, covariance) in cells.items():
            if id_ not in names:
                broken(f"the row of {feature!r:.100} has a label id {id_} without a name")
            features[id_] += 1
            heap, entry = largest[id_], (abs(weight), feature, weight, covariance)
            if len(heap) < top:
                heapq.heappush(heap, entry)
            elif heap and entry > heap[0]:
                heapq.heapreplace(heap, entry)
    counts = model.label_counts()
    documents = model.weights.total()
    return {
        "method": configuration.method,
        "features": len(rows),
        "unmixed_features": len(model.unmixed),
        "mix_version": model.version,
        "labels": [
            {
                "label": shown(label),
                "id": id_,
                "trained": counts.get(label, 0) if model.counts else None,
                "features": features[id_],
                "largest": [
                    {"feature": shown(feature), "weight": weight, "covariance": covariance}
                    for _, feature, weight, covariance in sorted(largest[id_], reverse=True)
                ],
            }
            for id_, label in sorted(names.items())
        ],
        "counted_only": {
            shown(label): counts[label] for label in sorted(counts) if label not in model.labels
        },
        "unlearner": None
        if configuration.unlearner is None
        else [shown(id_) for id_ in known_ids(configuration.unlearner, model.unlearner)],
        "documents": documents.documents,
        "document_frequencies": len(documents.frequencies),
    }


def linear_difference(a: LinearModel, b: LinearModel, tolerance: float, top: int) -> dict[str, Any]:
    """Labels, counts, features and weights that are not the same in both.

    Weights and covariances are, when they differ by at most `tolerance`; labels are compared by name. The
    `top` largest differences of weights are named.
    """
    labels_a, labels_b = label_names(a), label_names(b)
    counts_a, counts_b = a.label_counts(), b.label_counts()
    weights = _Weights(tolerance, top)
    rows_a, rows_b = a.names(), b.names()
    for feature in rows_a:
        if feature in rows_b:
            weights.compare(feature, _by_name(rows_a, feature, labels_a), _by_name(rows_b, feature, labels_b))
    documents = differing_documents(a.weights.total(), b.weights.total())
    result = {
        "labels": {"only_a": _only(a.labels, b.labels), "only_b": _only(b.labels, a.labels)},
        "label_counts": [
            {"label": shown(label), "a": counts_a.get(label), "b": counts_b.get(label)}
            for label in sorted({*counts_a, *counts_b})
            if counts_a.get(label) != counts_b.get(label)
        ],
        "features": {
            "a": len(rows_a),
            "b": len(rows_b),
            "only_a": _part(feature for feature in rows_a if feature not in rows_b),
            "only_b": _part(feature for feature in rows_b if feature not in rows_a),
        },
        "weights": weights.result(),
        "unlearner": arranged(a.unlearner) != arranged(b.unlearner),
        "mix_version": {"a": a.version, "b": b.version},
        "documents": documents,
    }
    same = (
        a.labels.keys() == b.labels.keys()
        and counts_a == counts_b
        and rows_a.keys() == rows_b.keys()
        and not weights.differing
        and not result["unlearner"]
        and documents is None
    )
    return {"same": same, **result}


def label_names(model: LinearModel) -> dict[int, bytes]:
    """The labels by their ids."""
    return {id_: label for label, id_ in model.labels.items()}


class _Weights:
    """Counts cells that differ, and keeps those that differ most."""

    def __init__(self, tolerance: float, top: int) -> None:
        self.differing = 0
        self._tolerance, self._top = tolerance, top
        self._largest: list[tuple[float, bytes, bytes, float, float]] = []

    def compare(
        self, feature: bytes, a: dict[bytes, tuple[float, float]], b: dict[bytes, tuple[float, float]]
    ) -> None:
        for label in {*a, *b}:
            cell_a, cell_b = a.get(label, (0.0, 0.0)), b.get(label, (0.0, 0.0))
            if (label in a) == (label in b) and all(map(self._close, cell_a, cell_b)):
                continue
            self.differing += 1
            entry = (abs(cell_a[0] - cell_b[0]), feature, label, cell_a[0], cell_b[0])
            if len(self._largest) < self._top:
                heapq.heappush(self._largest, entry)
            elif self._largest:
                heapq.heappushpop(self._largest, entry)

    def result(self) -> dict[str, Any]:
        return {
            "differing": self.differing,
            "largest": [
                {"feature": shown(feature), "label": shown(label), "a": a, "b": b}
                for _, feature, label, a, b in sorted(self._largest, reverse=True)
            ],
        }

    def _close(self, a: float, b: float) -> bool:
        return a == b or abs(a - b) <= self._tolerance or (a != a and b != b)


def _by_name(rows: Rows, feature: bytes, names: dict[int, bytes]) -> dict[bytes, tuple[float, float]]:
    cells = rows[feature].items()
    return {names[id_]: cell for id_, cell in cells if id_ in names}


def _only(these: Iterable[bytes], those: Iterable[bytes]) -> list[str]:
    return [shown(label) for label in sorted(set(these) - set(those))]


def _part(features: Iterable[bytes]) -> dict[str, Any]:
    count = 0
    examples: list[str] = []
    for feature in features:
        count += 1
        if len(examples) < _EXAMPLES:
            examples.append(shown(feature))
    return {"count": count, "examples": examples}
