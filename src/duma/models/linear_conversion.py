"""A linear model under another configuration.

- The method may change among the linear ones: weights carry over. Methods with covariance take 1 for the
  cells of those without, as for cells that do not exist yet: with the 0 that is stored there they would
  never learn again. The other way round covariances become 0.
- `regularization_weight` may change: it only says how the next update is made.
- An unlearner may come (it knows the labels in the order of their ids), go, or change. Labels without room
  in it are lost with all their weights.
- The converter may change as far as `converter_change` says.
"""

from collections.abc import Iterable
from dataclasses import replace

from duma.engines.linear_methods import WITHOUT_COVARIANCE
from duma.models.converter_change import ConverterChange
from duma.models.linear_configuration import LinearConfiguration
from duma.models.linear_model import Cells, LabelCounts, LinearModel, MadeRows, Rows
from duma.models.report import Report, Tally, shown
from duma.models.unlearners import fitted, known_ids
from duma.models.weight_manager import restricted


def convert_linear(
    model: LinearModel, old: LinearConfiguration, new: LinearConfiguration
) -> tuple[LinearModel, Report]:
    """The model as far as it can be kept, and what becomes of it. Raises `ModelFileError`."""
    report = Report()
    before, after = old.regularization_weight, new.regularization_weight
    if before and after and before != after:  # 0 stands for a method without it
        report.changes.append(f"regularization_weight: {before:g} becomes {after:g}")
    model = _with_unlearner(model, old, new, report)
    model = _with_converter(model, old, new, report)
    return _with_method(model, old, new, report), report


def without_labels(model: LinearModel, labels: Iterable[bytes]) -> LinearModel:
    """The model as if each of the labels had been deleted."""
    gone = set(labels)
    ids = {model.labels[label] for label in gone if label in model.labels}

    def stripped(rows: Rows) -> Rows:
        def cells(feature: bytes) -> Cells:
            return {id_: cell for id_, cell in rows[feature].items() if id_ not in ids}

        return MadeRows((feature for feature in rows if cells(feature)), cells)

    def counted(counts: dict[bytes, int]) -> dict[bytes, int]:
        return {label: count for label, count in counts.items() if label not in gone}

    counts = model.counts
    return replace(
        model,
        rows=stripped(model.rows),
        unmixed=stripped(model.unmixed),
        labels={label: id_ for label, id_ in model.labels.items() if label not in gone},
        counts=counts and LabelCounts(counted(counts.master), counted(counts.diff), counts.version),
    )


def report_labels_lost(report: Report, lost: list[bytes], max_size: int) -> None:
    """Says which labels have no room in an unlearner."""
    if lost:
        report.labels_lost = [shown(label) for label in lost]
        few = ", ".join(report.labels_lost[:5]) + (", ..." if len(lost) > 5 else "")
        report.losses.append(
            f"{len(lost)} labels with their weights, as the unlearner's max_size is {max_size}: {few}"
        )


def _with_unlearner(
    model: LinearModel, old: LinearConfiguration, new: LinearConfiguration, report: Report
) -> LinearModel:
    if new.unlearner is None:
        if old.unlearner is not None:
            report.changes.append("the unlearner is gone, and with it the order in which labels were used")
        return replace(model, unlearner=None)
    if old.unlearner is None:
        known = sorted(model.labels, key=model.labels.__getitem__)
        report.changes.append(f"an unlearner comes: it knows {len(known)} labels, in the order of their ids")
    else:
        known = known_ids(old.unlearner, model.unlearner)
    data, lost = fitted(new.unlearner, known)
    if old.unlearner is not None and data != model.unlearner:
        report.changes.append("the unlearner's data are arranged for its new settings")
    report_labels_lost(report, lost, new.unlearner.max_size)
    model = replace(model, unlearner=data)
    return without_labels(model, lost) if lost else model


def _with_converter(
    model: LinearModel, old: LinearConfiguration, new: LinearConfiguration, report: Report
) -> LinearModel:
    change = ConverterChange(old.converter, new.converter)
    features, frequencies = Tally(), Tally()

    def kept(rows: Rows) -> Rows:
        return MadeRows([f for f in rows if keeps[f]], rows.__getitem__)

    keeps = {name: features.add(name, kept=change.keeps_feature(name)) for name in model.names()}
    counted = dict.fromkeys([*model.weights.diff.frequencies, *model.weights.master.frequencies])
    keeps_count = {name: frequencies.add(name, kept=change.keeps_name(name)) for name in counted}
    report.features, report.document_frequencies = features.result(), frequencies.result()
    if not change.changed:
        return model
    report.changes.append("the converter is another one")
    report.cautions += change.cautions()
    if report.features.lost:
        report.losses.append(report.features.loss("features", change.reason()))
        model = replace(model, rows=kept(model.rows), unmixed=kept(model.unmixed))
    if report.document_frequencies.lost:
        why = "no rule of the new converter gives their names"
        report.losses.append(report.document_frequencies.loss("document frequencies", why))
        model = replace(model, weights=restricted(model.weights, keeps_count.__getitem__))
    return model


def _with_method(
    model: LinearModel, old: LinearConfiguration, new: LinearConfiguration, report: Report
) -> LinearModel:
    if old.method == new.method:
        return model
    report.changes.append(f"the method: {old.method} becomes {new.method}; weights carry over")
    had, has = old.method not in WITHOUT_COVARIANCE, new.method not in WITHOUT_COVARIANCE
    if had == has:
        return model
    if has:
        report.changes.append(
            f"covariances, which {old.method} does not have, are 1, as those of unseen features"
        )
    else:
        report.changes.append(f"covariances, which {new.method} does not have, are dropped")

    def row(feature: bytes) -> Cells:
        return {label: (weight, float(has)) for label, (weight, _) in model.rows[feature].items()}

    def unmixed_row(feature: bytes) -> Cells:
        # It is added to the mixed one, so that the sum is 1 in the end, or 0.
        mixed = model.rows.get(feature, {})
        cells = model.unmixed[feature].items()
        return {label: (weight, float(has and label not in mixed)) for label, (weight, _) in cells}

    return replace(model, rows=MadeRows(model.rows, row), unmixed=MadeRows(model.unmixed, unmixed_row))
