"""The layout of the classifier's models with linear methods (see `duma.models.layouts`)."""

from duma.configuration import read_configuration
from duma.engines.classifier_configuration import (
    NeighborClassifierConfiguration,
    read_classifier_configuration,
)
from duma.models.layouts import UnknownLayout
from duma.models.linear_layout import LinearLayout


class LinearClassifierLayout(LinearLayout):
    """See `duma.models.layouts.Layout`."""

    counts_labels = True

    def __init__(self, config_text: str) -> None:
        settings = read_classifier_configuration(read_configuration(config_text)[1])
        if isinstance(settings, NeighborClassifierConfiguration):
            raise UnknownLayout(
                f"models of the classifier with the method {settings.neighbors.method} cannot be looked into"
            )
        super().__init__(settings)
