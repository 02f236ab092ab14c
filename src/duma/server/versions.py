"""Which versions this server says it is."""

from functools import cache

# Clients and tools compare it, and it stands in every model file.
JUBATUS_VERSION = "1.1.1"


@cache
def duma_version() -> str:
    """The version of the installed package."""
    from importlib import metadata  # slow to import, and rarely needed

    return metadata.version("duma")
