"""Model files for the tests: made by engines, or piece by piece."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duma
from duma.embedded import embedded_class
from duma.models.linear_classifier import LinearClassifierLayout, classifier_layout
from duma.models.linear_model import Cells, LabelCounts, LinearModel
from duma.models.weight_manager import KeywordWeights, WeightManager
from duma.store.files import DiskFiles
from duma.store.model_file import read_model, write_model

RECORDED = Path(__file__).parents[1] / "conformance" / "models"
CONVERTER: dict[str, Any] = {
    "string_rules": [{"key": "*", "type": "space", "sample_weight": "bin", "global_weight": "bin"}],
    "num_rules": [{"key": "*", "type": "num"}],
}
RECORDS = [
    ("spam", {"text": "buy now", "n": 2.0}),
    ("ham", {"text": "see you", "n": 1.0}),
    ("spam", {"text": "buy this", "n": 3.0}),
]
QUERY = {"text": "buy you", "n": 1.5}


def config(method: str = "AROW", converter: Any = None, **parameter: Any) -> dict[str, Any]:
    """A configuration; methods that need a `regularization_weight` have 1 unless told otherwise."""
    if method not in ("perceptron", "PA"):
        parameter.setdefault("regularization_weight", 1.0)
    return {
        "method": method,
        "parameter": parameter,
        "converter": CONVERTER if converter is None else converter,
    }


def trained(configuration: Any, records: Any = RECORDS) -> Any:
    """A classifier that has learned records of label and datum."""
    model = duma.Classifier(configuration)
    model.train([(label, duma.Datum(datum)) for label, datum in records])
    return model


def saved(path: Path, configuration: Any, records: Any = RECORDS) -> Path:
    """A model file of such a classifier."""
    trained(configuration, records).save(path)
    return path


def loaded(path: Path) -> Any:
    """An engine with the configuration and the model of a file."""
    with read_model(DiskFiles(), path) as file:
        model: Any = embedded_class(file.engine_type)(file.config_text)
    model.load(path)
    return model


def scores(model: Any, datum: Any = QUERY) -> dict[str, float]:
    """The score of each label."""
    return dict(model.classify([duma.Datum(datum)])[0])


def contents(path: Path) -> LinearModel:
    """The model in a file, all of it in memory."""
    with read_model(DiskFiles(), path) as file, file.user_data as data:
        layout = classifier_layout(file.config_text)
        assert isinstance(layout, LinearClassifierLayout)
        model = layout.read(memoryview(bytes(data)))
    return made(
        dict(model.rows),
        unmixed=dict(model.unmixed),
        version=model.version,
        labels=model.labels,
        counts=model.counts,
        unlearner=model.unlearner,
        weights=model.weights,
    )


def made(
    rows: Mapping[bytes, Cells],
    *,
    labels: dict[bytes, int],
    unmixed: Mapping[bytes, Cells] | None = None,
    version: int = 0,
    counts: LabelCounts | None = None,
    unlearner: Any = None,
    weights: WeightManager | None = None,
) -> LinearModel:
    """A model of given rows."""
    return LinearModel(
        rows,
        unmixed or {},
        version,
        labels,
        max(labels.values(), default=-1) + 1,
        counts or LabelCounts(),
        unlearner,
        weights or WeightManager(),
    )


def documents(count: int, **frequencies: int) -> KeywordWeights:
    """What was counted in some documents."""
    return KeywordWeights(count, {name.encode(): float(n) for name, n in frequencies.items()})


class Bytes:
    """User data of given bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def chunks(self) -> Iterator[bytes]:
        yield self.data


def written(path: Path, content: Any, configuration: Any = None, engine_type: str = "classifier") -> Path:
    """A file with given user data: a model, or bytes."""
    write_model(
        DiskFiles(),
        path,
        engine_type=engine_type,
        model_id=path.stem,
        config_text=json.dumps(configuration or config()),
        timestamp=1_700_000_000,
        snapshot=Bytes(content) if isinstance(content, bytes) else content,
    )
    return path
