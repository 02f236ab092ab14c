"""The engines by name. Adding one is a line here, a file beside this one, and its algorithm."""

from importlib import import_module

from duma.engines.engine import Engine

ENGINES = {
    "classifier": "duma.engines.classifier:Classifier",
}


def engine_class(engine_type: str) -> type[Engine]:
    """The class of an engine, imported when asked for. Raises `KeyError` for an unknown type."""
    module, _, name = ENGINES[engine_type].partition(":")
    loaded: type[Engine] = getattr(import_module(module), name)
    return loaded
