"""What a server logs about itself when it starts."""

import os

from duma.server.process import user_name
from duma.server.settings import Settings
from duma.server.versions import JUBATUS_VERSION


def boot_message(settings: Settings) -> str:
    """One line that names the server, and one for each setting."""
    options = settings.options
    lines = {
        "pid": os.getpid(),
        "user": user_name(),
        "mode": "standalone mode",
        "timeout": options.timeout,
        "thread": options.thread,
        "datadir": settings.datadir,
        "logdir": settings.logdir,
        "log config": settings.log_config,
        "zookeeper": options.zookeeper,
        "name": options.name,
        "interval sec": options.interval_sec or "disabled",
        "interval count": options.interval_count or "disabled",
        "zookeeper timeout": options.zookeeper_timeout,
        "interconnect timeout": options.interconnect_timeout,
    }
    where = f"{settings.address.advertised}:{options.rpc_port}"
    head = f"starting {settings.program} {JUBATUS_VERSION} RPC server at {where}"
    return "\n".join([head, *(f"    {key:<20}: {value}" for key, value in lines.items())])
