"""What can go wrong in conversion: when a converter is built, and when a datum is converted."""

from duma.configuration import PlainConfigurationError
from duma.errors import DumaError


class ConverterError(PlainConfigurationError):
    """A converter that cannot be built; `str()` is the text alone, `messages` say where in the
    configuration.
    """


class ConversionError(DumaError):
    """A datum that cannot be converted; the answer to the call that brought it."""


def out_of_range(position: int, size: int) -> ConversionError:
    """The error of taking a part of a text that starts beyond its end, both in bytes.

    A position of -1 stands for a group that took no part in a match.
    """
    return ConversionError(
        f"basic_string::substr: __pos (which is {position % 2**64}) > this->size() (which is {size})"
    )
