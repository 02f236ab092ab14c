"""The methods that every server has, whatever its engine.

They are declared here, below the server, because clients and proxies need them too. The server fills in
the bodies: a class that derives from `CommonMethods` overrides them as ordinary methods.
"""

from duma.engines.declaration import BROADCAST, INTERNAL, Aggregator, Declared, analysis, update


class CommonMethods(Declared):
    """What a server offers beside its engine's methods."""

    @analysis(route=BROADCAST, aggregator=Aggregator.MERGE)
    def save(self, id: str) -> dict[str, str]:  # noqa: A002 - clients pass it by this name
        """Write the model to a file named after `id`; returns where, as `{"<ip>_<port>": path}`."""
        raise NotImplementedError

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def load(self, id: str) -> bool:  # noqa: A002
        """Replace the model by the one saved as `id`; returns true. A file that does not fit is refused."""
        raise NotImplementedError

    @analysis(route=BROADCAST, aggregator=Aggregator.MERGE)
    def get_status(self) -> dict[str, dict[str, str]]:
        """What the server is and does, as `{"<ip>_<port>": {key: value}}`."""
        raise NotImplementedError

    @analysis(route=INTERNAL)
    def do_mix(self) -> bool:
        """Exchange model differences with the other servers now (only where there is a cluster)."""
        raise NotImplementedError

    @analysis(route=INTERNAL)
    def get_proxy_status(self) -> dict[str, dict[str, str]]:
        """What the proxy is and does, as `{"<ip>_<port>": {key: value}}` (proxies only)."""
        raise NotImplementedError
