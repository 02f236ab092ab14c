"""The layouts of the regression's models (see `duma.models.layouts`)."""

from typing import Self

from duma.configuration import read_configuration
from duma.engines.regression_configuration import (
    LinearRegressionConfiguration,
    NeighborRegressionConfiguration,
    read_regression_configuration,
)
from duma.models.layouts import Content
from duma.models.linear_layout import LinearLayout
from duma.models.neighbor_learners import NeighborLearnerLayout
from duma.models.report import Report


class LinearRegressionLayout(LinearLayout):
    """Of linear methods. See `duma.models.layouts.Layout`."""

    counts_labels = False

    def __init__(self, settings: LinearRegressionConfiguration) -> None:
        self.settings = settings
        super().__init__(settings)

    def converted(self, user_data: memoryview, wanted: Self) -> tuple[Content, Report]:
        content, report = super().converted(user_data, wanted)
        old, new = self.settings, wanted.settings
        for name, before, after in (
            ("sensitivity", old.sensitivity, new.sensitivity),
            ("learning_rate", old.learning_rate, new.learning_rate),
        ):
            if before and after and before != after:  # 0 may stand for a method without it
                report.changes.append(f"{name}: {before:g} becomes {after:g}")
        return content, report


def regression_layout(config_text: str) -> LinearRegressionLayout | NeighborLearnerLayout:
    """The layout for the configuration's method. Raises `ConfigurationError`."""
    settings = read_regression_configuration(read_configuration(config_text)[1])
    if isinstance(settings, NeighborRegressionConfiguration):
        return NeighborLearnerLayout(settings.neighbors, labels=False)
    return LinearRegressionLayout(settings)
