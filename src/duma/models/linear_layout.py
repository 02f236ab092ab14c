"""The layout of linear models, whatever engine they are of (see `duma.models.layouts`)."""

from collections.abc import Sequence
from typing import Any, Self

from duma.convert.converter import build_converter
from duma.models.layouts import Content
from duma.models.linear_configuration import LinearConfiguration
from duma.models.linear_conversion import convert_linear
from duma.models.linear_details import linear_details, linear_difference
from duma.models.linear_merging import merge_linear
from duma.models.linear_model import LinearModel, read_linear_model
from duma.models.report import Report


class LinearLayout:
    """See `duma.models.layouts.Layout`. `counts_labels` says whether the models have counts of labels."""

    counts_labels: bool

    def __init__(self, configuration: LinearConfiguration) -> None:
        self.configuration = configuration
        build_converter(configuration.converter)  # the rules must make sense before they are compared

    def read(self, user_data: memoryview) -> LinearModel:
        """The model. Raises `ModelFileError`."""
        unlearner = self.configuration.unlearner is not None
        return read_linear_model(user_data, unlearner=unlearner, counts=self.counts_labels)

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
