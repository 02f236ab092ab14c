"""What the configurations of classifier and regression have in common."""

from typing import Any, Protocol

from duma.models.unlearners import Unlearner


class LinearConfiguration(Protocol):
    """The configuration of an engine with linear methods."""

    @property
    def method(self) -> str: ...

    @property
    def regularization_weight(self) -> float: ...

    @property
    def unlearner(self) -> Unlearner | None: ...

    @property
    def converter(self) -> dict[str, Any]: ...
