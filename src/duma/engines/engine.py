"""What every engine is: a configuration, a model, and declared methods."""

import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

from duma.configuration import read_configuration
from duma.configuration_form import Form
from duma.engines.declaration import BROADCAST, RANDOM, Aggregator, Declared, analysis, update


class Snapshot(Protocol):
    """A model as it was at one moment, to be written while the engine goes on."""

    @property
    def size(self) -> int:
        """Bytes of the whole user data."""

    def chunks(self) -> Iterator[bytes]:
        """The user data (`[version, driver data]` in MessagePack), piece by piece."""


class Engine(Declared):
    """Base of the engines.

    An engine does not know that it is served, journaled or mixed. Its methods may be called from several threads; the
    caller keeps updates (and `snapshot`, `adopt`) from running at the same time as each other.
    """

    type: ClassVar[str]
    user_data_version: ClassVar[int] = 1
    configuration_form: ClassVar[Form | None] = None  # what `build` takes, for the commands that explain it

    # Unix time in nanoseconds, for updates that keep the time of their call in the model. Whoever replays them puts the
    # recorded times in its place.
    clock: Callable[[], int]

    def __init__(self, config: str | dict[str, Any]) -> None:
        """`config` is the text of a configuration file, or what one holds.

        Raises `ConfigurationError` when it is not one for this engine.
        """
        self.config_text, configuration = read_configuration(config)
        self.clock = time.time_ns
        self.build(configuration)

    def build(self, configuration: Any) -> None:
        """Make the empty model that a configuration (parsed JSON) describes."""
        raise NotImplementedError

    def status(self) -> dict[str, str]:
        """The engine's own part of `get_status`."""
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        """The model as it is now; cheap, and no later update shows in it."""
        raise NotImplementedError

    def read_model(self, user_data: memoryview, progress: Callable[[int], None] | None = None) -> Any:
        """A new model from saved user data, beside the running one. `progress` is told the bytes read so far.

        Raises `ModelFileError` when the data do not fit; nothing has changed then.
        """
        raise NotImplementedError

    def adopt(self, model: Any) -> None:
        """Replace the running model by one from `read_model`."""
        raise NotImplementedError

    def hidden_state(self) -> bytes:
        """What later answers depend on and a model file does not hold, such as the state of random draws."""
        return b""

    def set_hidden_state(self, state: bytes) -> None:
        """Go on from a `hidden_state`. The model itself is not touched."""

    @analysis(route=RANDOM)
    def get_config(self) -> str:
        """The configuration's text, exactly as given."""
        return self.config_text

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def clear(self) -> bool:
        """Forget everything learned; returns true."""
        self.forget()
        return True

    def forget(self) -> None:
        """What `clear` does to the model of this engine."""
        raise NotImplementedError
