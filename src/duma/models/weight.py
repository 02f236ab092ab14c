"""The layout of the weight engine's models, `[1, [weight manager]]` (see `duma.models.layouts`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from duma.configuration import read_configuration
from duma.convert.converter import build_converter
from duma.engines.weight import read_weight_configuration
from duma.models.converter_change import ConverterChange
from duma.models.layouts import Content
from duma.models.packed import PackedReader, broken, packer
from duma.models.report import Report, Tally, report_left_out, shown
from duma.models.weight_manager import (
    WeightManager,
    differing_documents,
    merged_weights,
    pack_weight_manager,
    placed,
    read_weight_manager,
    restricted,
)


@dataclass(frozen=True)
class WeightModel:
    """The statistics, as user data."""

    weights: WeightManager

    def chunks(self) -> Iterator[bytes]:
        """The user data, piece by piece."""
        out = packer()
        yield out.pack_array_header(2) + out.pack(1) + out.pack_array_header(1)
        yield from pack_weight_manager(self.weights)

    @cached_property
    def size(self) -> int:
        """Bytes of all chunks; they are made for it, and thrown away."""
        return sum(map(len, self.chunks()))


class WeightLayout:
    """See `duma.models.layouts.Layout`."""

    def __init__(self, config_text: str) -> None:
        self.converter: dict[str, Any] = read_weight_configuration(read_configuration(config_text)[1])
        build_converter(self.converter)  # the rules must make sense before they are compared

    def read(self, user_data: memoryview) -> WeightManager:
        """The statistics. Raises `ModelFileError`."""
        reader = PackedReader(user_data)
        if reader.array("user data") != 2:
            broken("user data is not an array of 2")
        reader.skip()  # the version, which was checked with the file
        if reader.array("the weight engine's data") != 1:
            broken("the weight engine's data is not an array of 1")
        return read_weight_manager(reader.value("the weight manager"))

    def details(self, user_data: memoryview, top: int) -> dict[str, Any]:
        weights = self.read(user_data)
        total = weights.total()
        most = sorted(total.frequencies.items(), key=lambda item: (-item[1], item[0]))[:top]
        return {
            "mix_version": weights.version,
            "documents": total.documents,
            "document_frequencies": len(total.frequencies),
            "most_frequent": {shown(name): count for name, count in most},
            "groups": len(total.group_frequencies),
            "user_weights": len(total.user_weights),
        }

    def difference(
        self,
        user_data: memoryview,
        other: Self,
        other_data: memoryview,
        tolerance: float,  # noqa: ARG002 - counts are the same or not
        top: int,  # noqa: ARG002
    ) -> dict[str, Any]:
        a, b = self.read(user_data), other.read(other_data)
        documents = differing_documents(a.total(), b.total())
        return {
            "same": documents is None,
            "mix_version": {"a": a.version, "b": b.version},
            "documents": documents,
        }

    def converted(self, user_data: memoryview, wanted: Self) -> tuple[Content, Report]:
        weights, report = self.read(user_data), Report()
        change = ConverterChange(self.converter, wanted.converter)
        frequencies = Tally()
        names = dict.fromkeys([*weights.diff.frequencies, *weights.master.frequencies])
        keeps = {name: frequencies.add(name, kept=change.keeps_name(name)) for name in names}
        report.document_frequencies = frequencies.result()
        if change.changed:
            report.changes.append("the converter is another one")
            report.cautions += change.cautions()
        if report.document_frequencies.lost:
            why = "no rule of the new converter gives their names"
            report.losses.append(report.document_frequencies.loss("document frequencies", why))
            weights = restricted(weights, keeps.__getitem__)
        return WeightModel(weights), report

    def merged(
        self, parts: Sequence[memoryview], names: Sequence[str], *, for_cluster: bool
    ) -> tuple[Content, Report]:
        managers, report = [self.read(part) for part in parts], Report()
        version = max(manager.version for manager in managers)
        report_left_out(report, names, [manager.version for manager in managers])
        managers = [manager for manager in managers if manager.version == version]
        weights = merged_weights(managers, version, report)
        report.document_frequencies.kept = len(weights.diff.frequencies)
        report.changes.append(f"{len(managers)} models become one of {weights.diff.documents} documents")
        return WeightModel(
            placed(weights, version + 1 if for_cluster else 0, for_cluster=for_cluster)
        ), report
