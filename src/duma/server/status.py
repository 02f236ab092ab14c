"""What `get_status` answers: the part that does not depend on the engine. Every value is text."""

import os
import time

from duma.server.model_files import ModelFiles
from duma.server.process import memory, user_name
from duma.server.settings import Settings
from duma.server.versions import JUBATUS_VERSION, duma_version


def server_status(
    settings: Settings, files: ModelFiles, start_time: float, update_count: int
) -> dict[str, str]:
    """The keys that every server has. `start_time` is when the port was opened, Unix time in seconds."""
    now, used, options = time.time(), memory(), settings.options
    values = {
        "clock_time": int(now),
        "start_time": int(start_time),
        "uptime": int(now - start_time),
        "VIRT": used.virtual,
        "RSS": used.resident,
        "SHR": used.shared,
        "timeout": options.timeout,
        "threadnum": options.thread,
        "datadir": settings.datadir,
        "is_standalone": 1,
        "VERSION": JUBATUS_VERSION,
        "PROGNAME": settings.program,
        "type": settings.engine_type,
        "logdir": settings.logdir,
        "log_config": settings.log_config,
        "configpath": settings.configpath,
        "pid": os.getpid(),
        "user": user_name(),
        "update_count": update_count,
        "last_saved": files.last_saved.time,
        "last_saved_path": files.last_saved.path,
        "last_loaded": files.last_loaded.time,
        "last_loaded_path": files.last_loaded.path,
        "duma_version": duma_version(),
    }
    return {key: str(value) for key, value in values.items()}
