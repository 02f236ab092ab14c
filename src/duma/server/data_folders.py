"""Which data folder is a server's own, and which others lie beside it.

Address and port are part of its name, so that servers can share a datadir. A server that comes back with another
address therefore begins empty, and should say so.
"""

from pathlib import Path

from duma.server.settings import Settings
from duma.store.folder import data_folder_path, journal_folder, snapshots_folder


def data_folder(settings: Settings) -> Path:
    """The folder of a server's journal and snapshots."""
    return data_folder_path(
        Path(settings.datadir), settings.address.advertised, settings.options.rpc_port, settings.engine_type
    )


def holds_a_model(folder: Path) -> bool:
    """Whether a server has left a model in a data folder. A folder that may not be read counts as empty."""
    try:
        return journal_folder(folder).is_dir() and any(snapshots_folder(folder).glob("*.jubatus"))
    except PermissionError:
        return False


def other_data_folders(settings: Settings) -> list[Path]:
    """The folders in the datadir with models of the same engine under other addresses or ports."""
    own = data_folder(settings)
    found = Path(settings.datadir).glob(f"*_*_{settings.engine_type}")
    return sorted(folder for folder in found if folder != own and holds_a_model(folder))
