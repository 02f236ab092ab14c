"""The weight engine: what the converter makes of a datum."""

from typing import Any, NamedTuple

from duma import _core
from duma.configuration import AnyValue, check
from duma.configuration_form import Form, Member
from duma.convert.converter import build_converter
from duma.convert.schema import CONVERTER_MEMBER
from duma.engines import declaration
from duma.engines.core_model import CoreEngine
from duma.engines.datum import Datum
from duma.engines.declaration import BROADCAST, RANDOM, Aggregator, Packed, analysis

_IGNORED = Member(
    AnyValue(), "nothing here: another engine's configuration can be tried", optional=True, ignored=True
)

_FORM = Form("shows features", {"converter": CONVERTER_MEMBER, "method": _IGNORED, "parameter": _IGNORED})


def read_weight_configuration(configuration: Any) -> dict[str, Any]:
    """The converter section of a parsed configuration, checked for names and types.

    Raises `ConfigurationError`.
    """
    section: dict[str, Any] = check(_FORM.schema, configuration)["converter"]
    return section


class Feature(NamedTuple):
    """A feature's name and its value in a datum."""

    key: str
    value: float


class Weight(CoreEngine):
    """Shows the features that the converter makes of a datum, with the weights of its statistics.

    No method of it raises Jubatus' count of updates, though two change the model.
    """

    type = "weight"
    configuration_form = _FORM
    _model: _core.Weigher

    def build(self, configuration: Any) -> None:
        self._model = _core.Weigher(build_converter(read_weight_configuration(configuration)))

    @analysis(route=RANDOM)
    def calc_weight(self, d: Packed[Datum]) -> Packed[list[Feature]]:
        """The features of a datum, by key."""
        return self._model.calc_weight(d)  # type: ignore[return-value]

    @declaration.update(route=BROADCAST, aggregator=Aggregator.ALL_AND, counted=False)
    def clear(self) -> bool:
        """Forget the statistics; returns true."""
        self.forget()
        return True

    @declaration.update(route=RANDOM, counted=False)
    def update(self, d: Packed[Datum]) -> Packed[list[Feature]]:
        """Count a datum in the statistics; returns its features under them, by key."""
        return self._model.update(d)  # type: ignore[return-value]
