"""The layout of models with rows, whatever engine they are of (see `duma.models.layouts`)."""

from collections.abc import Sequence
from typing import Any, Self

from duma.convert.converter import build_converter
from duma.models.layouts import Content
from duma.models.report import Report
from duma.models.row_configuration import RowConfiguration
from duma.models.row_conversion import convert_rows
from duma.models.row_details import row_details, row_difference
from duma.models.row_merging import merge_rows
from duma.models.row_model import RowModel, read_row_model


class RowLayout:
    """See `duma.models.layouts.Layout`."""

    def __init__(self, configuration: RowConfiguration) -> None:
        self.configuration = configuration
        build_converter(configuration.converter)  # the rules must make sense before they are compared

    def read(self, user_data: memoryview) -> RowModel:
        """The model. Raises `ModelFileError`."""
        return read_row_model(user_data, self.configuration.shape)

    def details(self, user_data: memoryview, top: int) -> dict[str, Any]:
        return row_details(self.read(user_data), self.configuration, top)

    def difference(
        self, user_data: memoryview, other: Self, other_data: memoryview, tolerance: float, top: int
    ) -> dict[str, Any]:
        return row_difference(self.read(user_data), other.read(other_data), tolerance, top)

    def converted(self, user_data: memoryview, wanted: Self) -> tuple[Content, Report]:
        return convert_rows(self.read(user_data), self.configuration, wanted.configuration)

    def merged(
        self, parts: Sequence[memoryview], names: Sequence[str], *, for_cluster: bool
    ) -> tuple[Content, Report]:
        models = [self.read(part) for part in parts]
        return merge_rows(models, names, self.configuration, for_cluster=for_cluster)
