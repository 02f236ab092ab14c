"""An object store as a place for backups: S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage.

Credentials, regions and endpoints come from the environment, by the names that each store's own tools use
(`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`, ...).
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from duma.errors import BackupError
from duma.store.backup.remote import AlreadyThere, Changed, Entry, Missing, Version

_ENDPOINTS = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT",
    "AZURE_STORAGE_ENDPOINT",
    "AZURE_ENDPOINT",
)
_TIMEOUT = timedelta(seconds=60)  # of one request
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
_LISTED = 1000  # objects asked for at a time


class ObjectRemote:
    """See `duma.store.backup.remote.Remote`."""

    def __init__(self, url: str) -> None:
        try:
            import obstore
            from obstore.store import from_url
        except ImportError as error:
            raise BackupError(
                f"{url}: object stores need the package obstore: pip install 'duma[remote]'"
            ) from error
        self.where = url.rstrip("/")
        self._obstore = obstore
        options: Any = {"timeout": _TIMEOUT, "allow_http": _endpoint_without_tls()}
        try:
            self._store = from_url(url, client_options=options, retry_config=_RETRIES)
        except (obstore.exceptions.BaseError, ValueError, TypeError) as error:
            raise BackupError(f"{url} is no place for backups: {_first_line(error)}") from error

    def get(self, name: str) -> tuple[bytes, Version]:
        with self._failures(f"{name} cannot be read"):
            try:
                result = self._obstore.get(self._store, name)
                return bytes(result.bytes()), _version(result.meta)
            except FileNotFoundError as error:
                raise Missing(f"{self.where} has no {name}") from error

    def put(self, name: str, data: bytes) -> None:
        with self._failures(f"{name} cannot be written"):
            self._obstore.put(self._store, name, data, use_multipart=False)

    def put_new(self, name: str, data: bytes) -> Version:
        with self._failures(f"{name} cannot be written"):
            try:
                return _version(self._obstore.put(self._store, name, data, mode="create"))
            except self._obstore.exceptions.AlreadyExistsError as error:
                raise AlreadyThere(f"{self.where} has {name} already") from error

    def replace(self, name: str, data: bytes, version: Version) -> Version:
        expected: Any = json.loads(version)
        with self._failures(f"{name} cannot be written"):
            try:
                return _version(self._obstore.put(self._store, name, data, mode=expected))
            except (self._obstore.exceptions.PreconditionError, FileNotFoundError) as error:
                raise Changed(f"{name} in {self.where} was changed by somebody else") from error

    def entries(self, prefix: str) -> Iterable[Entry]:
        with self._failures("it cannot be listed"):
            for found in self._obstore.list(self._store, prefix, chunk_size=_LISTED):
                for meta in found:
                    yield Entry(meta["path"], meta["size"], meta["last_modified"].timestamp())

    def remove(self, names: Iterable[str]) -> None:
        with self._failures("objects cannot be removed"):
            wanted = list(names)
            for start in range(0, len(wanted), _LISTED):
                self._remove(wanted[start : start + _LISTED])

    def _remove(self, names: list[str]) -> None:
        try:
            self._obstore.delete(self._store, names)
        except FileNotFoundError:  # from stores that say so, and do not go on
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    self._obstore.delete(self._store, name)

    @contextlib.contextmanager
    def _failures(self, what: str) -> Iterator[None]:
        try:
            yield
        except (self._obstore.exceptions.BaseError, OSError, ValueError) as error:
            raise BackupError(f"{self.where}: {what}: {_first_line(error)}") from error


def _endpoint_without_tls() -> bool:
    """Whether the environment names an endpoint that is to be spoken to without encryption."""
    return any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)


def _version(result: Any) -> Version:
    return json.dumps({key: result[key] for key in ("e_tag", "version") if result.get(key) is not None})


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
