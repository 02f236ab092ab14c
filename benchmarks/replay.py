"""Recovers a data folder in this process, as a server does at its start: python -m benchmarks.replay FOLDER."""

import sys
from pathlib import Path

from benchmarks.classifier import CONFIG
from duma.engines.classifier import Classifier
from duma.server.replay import Replayer
from duma.store.files import DiskFiles
from duma.store.folder import DataFolder
from duma.store.recovery import recover


def main() -> None:
    """Print how many requests were replayed."""
    folder = DataFolder.open(DiskFiles(), Path(sys.argv[1]))
    replayer = Replayer(Classifier(CONFIG), folder.path)
    recover(DiskFiles(), folder, load=replayer.load, apply=replayer.apply)
    print(replayer.requests)


if __name__ == "__main__":
    main()
