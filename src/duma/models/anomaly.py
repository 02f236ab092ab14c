"""The layout of the anomaly engine's models (see `duma.models.layouts`)."""

from duma.configuration import read_configuration
from duma.engines.anomaly_configuration import AnomalyConfiguration, read_anomaly_configuration
from duma.engines.signature_configuration import SignatureConfiguration
from duma.models.column_table import ColumnTable
from duma.models.densities import Densities, LofSettings
from duma.models.row_configuration import TABLE, RowConfiguration, recommender_parts, stored_by_signatures
from duma.models.row_layout import RowLayout
from duma.models.row_model import PartShape, Shape

_DENSITIES = PartShape("densities", Densities, follows=True)
_SCORES = PartShape("densities", ColumnTable, follows=True)


class AnomalyLayout(RowLayout):
    """See `duma.models.layouts.Layout`."""

    def __init__(self, config_text: str) -> None:
        value = read_configuration(config_text)[1]
        settings = read_anomaly_configuration(value)
        unlearner = settings.unlearner
        if isinstance(settings.index, SignatureConfiguration):
            parts, stored_by, lof = (TABLE, _SCORES), stored_by_signatures(settings.index), None
            shape = Shape(parts, unlearner=unlearner is not None)
        else:
            inner, stored_by = recommender_parts(
                value["parameter"]["method"], value["parameter"]["parameter"]
            )
            shape = Shape((_DENSITIES, inner), unlearner=unlearner is not None)
            lof = _lof_settings(settings)
        stored_by = {"method": settings.method, **stored_by}
        super().__init__(
            RowConfiguration(settings.method, shape, stored_by, unlearner, settings.converter, lof)
        )


def _lof_settings(settings: AnomalyConfiguration) -> LofSettings:
    return LofSettings(
        settings.nearest_neighbor_num, settings.reverse_nearest_neighbor_num, settings.ignore_kth_same_point
    )
