"""Models with rows under another configuration.

What is stored of a row was made of its datum, which is not kept: it cannot be made anew, neither by another
method nor of the features of another converter. What can change is how many rows there may be, and all that
only answers depend on.
"""

from collections.abc import Iterable
from dataclasses import replace

from duma.errors import ModelFileError
from duma.models.converter_change import ConverterChange
from duma.models.densities import Densities
from duma.models.report import Report, shown
from duma.models.row_configuration import RowConfiguration
from duma.models.row_model import RowModel
from duma.models.unlearners import Unlearner, fitted, known_ids

_EXAMPLES = 5


def convert_rows(model: RowModel, old: RowConfiguration, new: RowConfiguration) -> tuple[RowModel, Report]:
    """The model, and what changes.

    Raises `ModelFileError` where rows would have to be made anew.
    """
    _check_that_rows_stay(old, new)
    report = Report()
    change = ConverterChange(old.converter, new.converter)
    if change.changed:
        raise ModelFileError(
            "the converter is another one: what is stored of the rows was made of the features that the old one "
            "gives, and their datums are not kept. Start with an empty model and set the rows again"
        )
    report.cautions += change.cautions()
    if old.method != new.method:
        report.changes.append(
            f"the method: {old.method} becomes {new.method}; the rows are the same for both"
        )
    model = _with_unlearner(model, old, new, report)
    model = _with_lof_settings(model, new, report)
    if not report.changes:
        report.changes.append("nothing in the model: only answers depend on what is different")
    return model, report


def arranged_rows(model: RowModel, known: Iterable[bytes], unlearner: Unlearner, report: Report) -> RowModel:
    """The model with an unlearner that knows these rows, without those it has no room for.

    `known` is in the order of `duma.models.unlearners.known_ids`.
    """
    data, lost = fitted(unlearner, list(known))
    model = replace(model, unlearner=data)
    if not lost:
        return model
    examples = ", ".join(map(shown, lost[:_EXAMPLES])) + (", ..." if len(lost) > _EXAMPLES else "")
    report.losses.append(
        f"{len(lost)} of {len(model.ids())} rows ({examples}): the unlearner has room for {unlearner.max_size}"
    )
    return model.only({row: None for row in model.ids() if row not in set(lost)})


def _check_that_rows_stay(old: RowConfiguration, new: RowConfiguration) -> None:
    for name in dict.fromkeys([*old.stored_by, *new.stored_by]):
        before, after = old.stored_by.get(name), new.stored_by.get(name)
        if before != after:
            raise ModelFileError(
                f"{name}: {before} cannot become {after}. What is stored of the rows depends on it, and is made of "
                "datums, which are not kept. Start with an empty model and set the rows again"
            )


def _with_unlearner(
    model: RowModel, old: RowConfiguration, new: RowConfiguration, report: Report
) -> RowModel:
    model = replace(model, shape=new.shape)
    if new.unlearner == old.unlearner:
        return model
    if new.unlearner is None:
        report.changes.append("the unlearner goes: no row is forgotten any more")
        return replace(model, unlearner=None)
    if old.unlearner is None:
        known = list(model.ids())
        report.changes.append(f"an unlearner comes: it knows {len(known)} rows, in the order of the file")
    else:
        known = known_ids(old.unlearner, model.unlearner)
        report.changes.append("the unlearner has other settings")
    mixed = any(part.mixed for part in model.parts.values())
    arranged = arranged_rows(model, known, new.unlearner, report)
    if mixed and report.losses:
        report.cautions.append("what was mixed counts as new since the last MIX")
    return arranged


def _with_lof_settings(model: RowModel, new: RowConfiguration, report: Report) -> RowModel:
    """Models bring the numbers of neighbours along, whatever the configuration says."""
    parts = dict(model.parts)
    for title, part in model.parts.items():
        if isinstance(part, Densities) and new.lof is not None and part.settings != new.lof:
            report.changes += [
                f"{name}: {before} becomes {after}"
                for name, before, after in zip(new.lof._fields, part.settings, new.lof, strict=True)
                if before != after
            ]
            report.cautions.append("the densities stay as they are until points near them change")
            parts[title] = replace(part, settings=new.lof)
    return replace(model, parts=parts)
