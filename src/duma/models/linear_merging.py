"""Models of several servers made one, as the servers of a cluster would make them one by a MIX.

Each cell of the result has the mean of the servers' weights and the least of their covariances, where a
server without the cell counts as weight 0 and covariance 1. Weights are taken with their unmixed
differences. For members of one cluster, which share all but these differences, that is exactly what their
next MIX would yield; for servers that never met it is what the first MIX of a cluster of them would.

Counts (of labels, and of documents and features in the weight manager) since the last MIX are added. Those
from before it are common to the members of a cluster and are taken once: the largest, should they differ. A
model that never took part in a MIX (version 0) has nothing in common with others: all its counts are added.

A member that is behind the others in MIX versions is left out, as a MIX leaves it out; what it learned
since is lost.
"""

from collections.abc import Sequence
from dataclasses import replace

from duma.models.linear_configuration import LinearConfiguration
from duma.models.linear_conversion import report_labels_lost, without_labels
from duma.models.linear_model import Cells, LabelCounts, LinearModel, MadeRows, Rows, folded, summed
from duma.models.report import Report, report_left_out
from duma.models.unlearners import Unlearner, fitted, known_in_any
from duma.models.weight_manager import merged_weights, placed

_MISSING = (0.0, 1.0)


def merge_linear(
    models: Sequence[LinearModel],
    names: Sequence[str],
    configuration: LinearConfiguration,
    *,
    for_cluster: bool,
) -> tuple[LinearModel, Report]:
    """The models (at least one; `names` say which is which in the report) as one.

    With `for_cluster` the result is to be given to every member of a cluster: all counts are where those
    from before the last MIX are, and the version is a new one. Otherwise it is in the form of a standalone
    server, version 0.
    """
    report = Report()
    version = max(model.version for model in models)
    report_left_out(report, names, [model.version for model in models])
    models = [model for model in models if model.version == version]
    ids: dict[bytes, int] = {}
    for model in models:
        for label in sorted(model.labels, key=model.labels.__getitem__):
            ids.setdefault(label, len(ids))
    rows = _mean([folded(model.rows, model.unmixed) for model in models], models, ids)
    weights = merged_weights([model.weights for model in models], version, report)
    new_version = version + 1 if for_cluster else 0
    merged = LinearModel(
        rows=rows,
        unmixed={},
        version=new_version,
        labels=ids,
        next_label_id=len(ids),
        counts=_merged_counts(models, version, report, for_cluster=for_cluster),
        unlearner=None,
        weights=placed(weights, new_version, for_cluster=for_cluster),
    )
    report.features.kept = len(rows)
    report.changes.append(f"{len(models)} models become one of {len(rows)} features and {len(ids)} labels")
    if configuration.unlearner is not None:
        merged = _with_unlearner(merged, models, configuration.unlearner, report)
    return merged, report


def _mean(parts: Sequence[Rows], models: Sequence[LinearModel], ids: dict[bytes, int]) -> Rows:
    by_id = [{id_: ids[label] for label, id_ in model.labels.items()} for model in models]

    def cells(feature: bytes) -> Cells:
        rows = [
            {new[id_]: cell for id_, cell in part.get(feature, {}).items() if id_ in new}
            for part, new in zip(parts, by_id, strict=True)
        ]
        merged = {}
        for label in dict.fromkeys(label for row in rows for label in row):
            found = [row.get(label, _MISSING) for row in rows]
            weights, covariances = zip(*found, strict=True)
            merged[label] = (sum(weights) / len(found), min(covariances))
        return merged

    return MadeRows((feature for part in parts for feature in part), cells)


def _merged_counts(
    models: Sequence[LinearModel], version: int, report: Report, *, for_cluster: bool
) -> LabelCounts | None:
    parts = [model.counts for model in models if model.counts is not None]
    if not parts:
        return None
    counts = _total_counts(parts, version, report)
    return LabelCounts(counts, {}, version + 1) if for_cluster else LabelCounts({}, counts, 0)


def _total_counts(parts: Sequence[LabelCounts], version: int, report: Report) -> dict[bytes, int]:
    if version == 0:
        return summed(part.total() for part in parts)
    if any(part.master != parts[0].master for part in parts):
        report.cautions.append("the label counts before the last MIX differ; the larger ones are taken")
    common: dict[bytes, int] = {}
    for part in parts:
        for label, count in part.master.items():
            common[label] = max(common.get(label, 0), count)
    return summed([common, *(part.diff for part in parts)])


def _with_unlearner(
    merged: LinearModel, models: Sequence[LinearModel], unlearner: Unlearner, report: Report
) -> LinearModel:
    known = known_in_any(unlearner, (model.unlearner for model in models))
    known = [label for label in known if label in merged.labels]
    data, lost = fitted(unlearner, known)
    report_labels_lost(report, lost, unlearner.max_size)
    merged = replace(merged, unlearner=data)
    return without_labels(merged, lost) if lost else merged
