"""Bringing a saved model under another configuration of the same engine."""

from collections.abc import Iterator
from dataclasses import dataclass

from duma.configuration import same_configuration
from duma.errors import ModelFileError
from duma.models.layouts import Content, check_alike, layout
from duma.models.report import Report


@dataclass(frozen=True, slots=True)
class Unchanged:
    """User data as it is."""

    data: memoryview

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """Pieces of a megabyte."""
        for at in range(0, len(self.data), 1 << 20):
            yield bytes(self.data[at : at + (1 << 20)])


def convert(engine_type: str, user_data: memoryview, saved: str, wanted: str) -> tuple[Content, Report]:
    """User data, saved under the configuration `saved`, for the configuration `wanted` (texts, both).

    `user_data` is read again when the result is written. Data of configurations with equal JSON stay as
    they are, whatever the engine. Raises `ConfigurationError`, `ModelFileError` and `UnknownLayout`.
    """
    if same_configuration(saved, wanted):
        report = Report()
        report.changes.append("nothing in the model: the configurations are equal")
        return Unchanged(user_data), report
    old, new = layout(engine_type, saved), layout(engine_type, wanted)
    check_alike(old, new)
    return old.converted(user_data, new)


def converted_without_loss(
    engine_type: str, user_data: memoryview, saved: str, wanted: str
) -> tuple[bytes, Report]:
    """The converted data, in memory, and what was changed.

    Raises what `convert` raises, and `ModelFileError` where something would be lost.
    """
    content, report = convert(engine_type, user_data, saved, wanted)
    if report.losses:
        raise ModelFileError(
            "server config mismatched, and converting the model would lose "
            + "; ".join(report.losses)
            + " (to accept that, convert it with `duma model convert --accept-loss`)"
        )
    return b"".join(content.chunks()), report
