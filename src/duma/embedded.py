"""Engines inside of a Python program: the same methods, answers and model files, without a network."""

import time
from pathlib import Path

from duma.configuration import same_configuration
from duma.engines.engine import Engine
from duma.engines.registry import engine_class
from duma.store.files import DiskFiles
from duma.store.model_file import read_model, write_model


class ModelFileMethods(Engine):
    """Adds saving and loading to an engine."""

    def save(self, path: str | Path) -> None:
        """Write the model to a file that Duma's and Jubatus' servers load.

        The file is replaced as a whole or not at all. Raises `ModelFileError`.
        """
        write_model(
            DiskFiles(),
            Path(path),
            engine_type=self.type,
            model_id=Path(path).stem,
            config_text=self.config_text,
            timestamp=int(time.time()),
            snapshot=self.snapshot(),
        )

    def load(self, path: str | Path) -> None:
        """Replace the model by a saved one of the same engine and configuration.

        Raises `ModelFileError`; the model stays as it is then.
        """
        with read_model(DiskFiles(), Path(path), user_data_version=self.user_data_version) as file:
            file.check(self.type, self.config_text, same_configuration)
            with file.user_data as data:
                model = self.read_model(data, file.release)
        self.adopt(model)


def embedded_class(engine_type: str) -> type[Engine]:
    """An engine's class with `save` and `load`. Raises `KeyError` for an unknown type."""
    engine = engine_class(engine_type)
    return type(
        engine.__name__, (ModelFileMethods, engine), {"__doc__": engine.__doc__, "__module__": "duma"}
    )
