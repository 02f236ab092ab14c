"""Copies of the model files that were loaded: replay needs them as it needs the journal.

They lie beside the snapshots as `loaded-<number of the record that loaded it>.jubatus`. While a file is being
read its record has no number yet, and the copy is `loading.jubatus`; a crash leaves it for the next load.
"""

from pathlib import Path

from duma.errors import ModelFileError
from duma.store.files import File, Files
from duma.store.folder import loaded_by, loaded_path
from duma.store.temporary import whole_file

_BLOCK = 1 << 20


class LoadedModels:
    """The copies in one folder; one file is loaded at a time."""

    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._loading = folder / "loading.jubatus"

    def copy(self, source: Path) -> Path:
        """Copy a file lastingly; returns the copy. Raises `ModelFileError`."""
        try:
            file = self._files.open(source)
        except OSError as error:
            raise ModelFileError(f"cannot open input file: {source}: {_why(error)}") from error
        with file:
            try:
                self._write(file)
            except OSError as error:
                raise self._not_kept(self._loading, error) from error
        return self._loading

    def settle(self, sequence: int) -> Path:
        """Give the copy the number of its record, lastingly. Raises `ModelFileError`."""
        path = loaded_path(self._folder, sequence)
        try:
            self._files.rename(self._loading, path)
            self._files.sync_folder(self._folder)
        except OSError as error:
            raise self._not_kept(path, error) from error
        return path

    def discard(self) -> None:
        """Remove the copy of a file that was refused. Raises `OSError`."""
        self._files.remove(self._loading)

    def remove_up_to(self, sequence: int) -> None:
        """Remove those of records up to one that need not be replayed any more. Raises `OSError`."""
        for name in self._files.names(self._folder):
            record = loaded_by(name)
            if record is not None and record <= sequence:
                self._files.remove(self._folder / name)

    def _write(self, source: File) -> None:
        with whole_file(self._files, self._loading, source.size()) as copy:
            offset = 0
            while block := source.read_at(offset, _BLOCK):
                copy.append(block)
                offset += len(block)

    def _not_kept(self, path: Path, error: OSError) -> ModelFileError:
        return ModelFileError(f"the file cannot be kept with the journal: {path}: {_why(error)}")


def _why(error: OSError) -> str:
    return error.strerror or str(error)
