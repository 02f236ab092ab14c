"""Models with rows of several servers made one for a standalone server.

The result has the rows of all. A row that several have is taken, whole, from the one that has most parts of
it: a server that knows it only from a MIX has not all. Of those, it is the one with the highest clock, or
the last one. Counts of documents become one as those of linear models do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from duma.errors import ModelFileError
from duma.models.report import Report, shown
from duma.models.row_configuration import RowConfiguration
from duma.models.row_conversion import arranged_rows
from duma.models.row_model import RowModel, joined
from duma.models.row_parts import alike
from duma.models.unlearners import known_in_any
from duma.models.weight_manager import WeightManager, merged_weights


def merge_rows(
    models: Sequence[RowModel], names: Sequence[str], configuration: RowConfiguration, *, for_cluster: bool
) -> tuple[RowModel, Report]:
    """The models (at least one; `names` say which is which in the report) as one. Raises `ModelFileError`."""
    if for_cluster:
        raise ModelFileError(
            "models with rows cannot be dealt: which servers of a cluster have a row says its hash ring. Merge "
            "them for one server instead"
        )
    report, choice = Report(), _choose(models)
    _report_duplicates(models, choice, report)
    merged = joined(list(models), choice.chosen)
    weights = _weights(models, names, report)
    merged = replace(merged, weights=weights)
    report.changes.append(f"{len(models)} models become one of {len(choice.chosen)} rows")
    if any(shape.follows for shape in merged.part_shapes()) and len(models) > 1:
        report.cautions.append(
            "densities are those that each server knew from its own points, until points near them change"
        )
    if configuration.unlearner is not None:
        known = known_in_any(configuration.unlearner, (model.unlearner for model in models))
        known = [row for row in known if row in choice.chosen]
        merged = arranged_rows(merged, known, configuration.unlearner, report)
    return merged, report


@dataclass(frozen=True, slots=True)
class _Choice:
    """`chosen`: the model that each row is taken from. `several`: others that have as much of it."""

    chosen: dict[bytes, int]
    several: dict[bytes, list[int]]


def _choose(models: Sequence[RowModel]) -> _Choice:
    best: dict[bytes, tuple[int, int, int]] = {}  # parts, clock, model
    several: dict[bytes, list[int]] = {}
    for i, model in enumerate(models):
        for row in model.ids():
            having = [part for part in model.parts.values() if row in part.rows]
            found = (len(having), max(part.clock(row) for part in having), i)
            known = best.get(row, found)
            if found[0] > known[0]:
                several.pop(row, None)  # what the others have is not all
            elif i != known[2] and found[0] == known[0]:
                several.setdefault(row, [known[2]]).append(i)
            best[row] = max(known, found)
    return _Choice({row: found[2] for row, found in best.items()}, several)


def _report_duplicates(models: Sequence[RowModel], choice: _Choice, report: Report) -> None:
    if not choice.several:
        return
    report.changes.append(
        f"{len(choice.several)} rows stand in several models, such as {_one(choice.several)}"
    )
    own = [shape.title for shape in models[0].part_shapes() if not shape.follows]

    def differs(row: bytes) -> bool:
        kept = models[choice.chosen[row]].parts
        return any(
            not alike(kept[title].compared(row), models[i].parts[title].compared(row), 0.0)
            for i in choice.several[row]
            for title in own
            if row in kept[title].rows and row in models[i].parts[title].rows
        )

    differing = {row: None for row in choice.several if differs(row)}
    if differing:
        report.losses.append(
            f"what models with lower clocks, or given earlier, say otherwise of {len(differing)} rows, such as "
            f"{_one(differing)}"
        )


def _one(rows: Mapping[bytes, object]) -> str:
    return shown(next(iter(rows)))


def _weights(models: Sequence[RowModel], names: Sequence[str], report: Report) -> WeightManager:
    version = max(model.weights.version for model in models)
    for model, name in zip(models, names, strict=True):
        if model.weights.version < version:
            report.losses.append(
                f"the documents that {name} counted since MIX version {model.weights.version}: others are at "
                f"version {version}"
            )
    newest = [model.weights for model in models if model.weights.version == version]
    return merged_weights(newest, version, report)
