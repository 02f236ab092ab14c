"""The models of classifier and regression that answer by the nearest records."""

from duma.engines.neighbor_configuration import NeighborConfiguration
from duma.models.column_table import ColumnTable
from duma.models.row_configuration import INVERTED, TABLE, RowConfiguration, stored_by_signatures
from duma.models.row_layout import RowLayout
from duma.models.row_model import PartShape, Shape

_TARGETS = PartShape("targets", ColumnTable)


class NeighborLearnerLayout(RowLayout):
    """See `duma.models.layouts.Layout`. With `labels` the layout of a classifier, otherwise of a regression."""

    def __init__(self, settings: NeighborConfiguration, *, labels: bool) -> None:
        records = INVERTED if settings.signature is None else TABLE
        shape = Shape(
            (records,) if labels else (records, _TARGETS),
            unlearner=settings.unlearner is not None,
            label_counts=labels,
        )
        stored_by = {} if settings.signature is None else stored_by_signatures(settings.signature)
        super().__init__(
            RowConfiguration(
                settings.method,
                shape,
                {"records": records.title, **stored_by},
                settings.unlearner,
                settings.converter,
            )
        )
