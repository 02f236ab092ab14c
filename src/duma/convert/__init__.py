"""Datums to features: the converter's configuration, regular expressions and plugins. The work itself is
the core's.
"""

from duma.convert.converter import build_converter
from duma.convert.errors import ConversionError, ConverterError
from duma.convert.matchers import build_matcher
from duma.convert.schema import CONVERTER

__all__ = ["CONVERTER", "ConversionError", "ConverterError", "build_converter", "build_matcher"]
