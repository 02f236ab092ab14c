"""The layout of the nearest neighbour engine's models (see `duma.models.layouts`)."""

from duma.configuration import check, read_configuration
from duma.engines.nearest_neighbor import NearestNeighbor
from duma.engines.signature_configuration import read_signature_configuration
from duma.models.row_configuration import TABLE, RowConfiguration, stored_by_signatures
from duma.models.row_layout import RowLayout
from duma.models.row_model import Shape


class NearestNeighborLayout(RowLayout):
    """See `duma.models.layouts.Layout`."""

    def __init__(self, config_text: str) -> None:
        top = check(NearestNeighbor.configuration_form.schema, read_configuration(config_text)[1])
        signatures = read_signature_configuration(top["method"], top.get("parameter"), ".parameter")
        super().__init__(
            RowConfiguration(
                signatures.method, Shape(TABLE), stored_by_signatures(signatures), None, top["converter"]
            )
        )
