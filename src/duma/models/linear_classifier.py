"""The layout of the classifier's models with linear methods (see `duma.models.layouts`)."""

from collections.abc import Sequence
from typing import Any, Self

from duma.configuration import read_configuration
from duma.convert.converter import build_converter
from duma.engines.classifier_configuration import read_classifier_configuration
from duma.models.layouts import Content
from duma.models.linear_conversion import convert_linear
from duma.models.linear_details import linear_details, linear_difference
from duma.models.linear_merging import merge_linear
from duma.models.linear_model import LinearModel, read_linear_model
from duma.models.report import Report


class LinearClassifierLayout:
    """See `duma.models.layouts.Layout`."""

    def __init__(self, config_text: str) -> None:
        self.configuration = read_classifier_configuration(read_configuration(config_text)[1])
        build_converter(self.configuration.converter)  # the rules must make sense before they are compared

    def read(self, user_data: memoryview) -> LinearModel:
        """The model. Raises `ModelFileError`."""
        return read_linear_model(user_data, unlearner=self.configuration.unlearner is not None)

    def details(self, user_data: memoryview, top: int) -> dict[str, Any]:
        return linear_details(self.read(user_data), self.configuration, top)

    def difference(
        self, user_data: memoryview, other: Self, other_data: memoryview, tolerance: float, top: int
    ) -> dict[str, Any]:
        return linear_difference(self.read(user_data), other.read(other_data), tolerance, top)

    def converted(self, user_data: memoryview, wanted: Self) -> tuple[Content, Report]:
        return convert_linear(self.read(user_data), self.configuration, wanted.configuration)

    def merged(
        self, parts: Sequence[memoryview], names: Sequence[str], *, for_cluster: bool
    ) -> tuple[Content, Report]:
        models = [self.read(part) for part in parts]
        return merge_linear(models, names, self.configuration, for_cluster=for_cluster)
