"""The layouts of the classifier's models (see `duma.models.layouts`)."""

from duma.configuration import read_configuration
from duma.engines.classifier_configuration import (
    NeighborClassifierConfiguration,
    read_classifier_configuration,
)
from duma.models.linear_layout import LinearLayout
from duma.models.neighbor_learners import NeighborLearnerLayout


class LinearClassifierLayout(LinearLayout):
    """Of linear methods. See `duma.models.layouts.Layout`."""

    counts_labels = True


def classifier_layout(config_text: str) -> LinearClassifierLayout | NeighborLearnerLayout:
    """The layout for the configuration's method. Raises `ConfigurationError`."""
    settings = read_classifier_configuration(read_configuration(config_text)[1])
    if isinstance(settings, NeighborClassifierConfiguration):
        return NeighborLearnerLayout(settings.neighbors, labels=True)
    return LinearClassifierLayout(settings)
