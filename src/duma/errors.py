"""The errors that Duma raises on purpose. The text of each is what its sender reads."""

from collections.abc import Sequence


class DumaError(Exception):
    """Base of all; `str()` of it is the answer that a client gets."""


class ArgumentMismatch(DumaError):
    """An argument of a call has another type than its method declares (error 2 on the wire)."""


class ConfigurationError(DumaError):
    """A configuration that cannot be used; `messages` has one line per problem."""

    def __init__(self, messages: Sequence[str]) -> None:
        self.messages = tuple(messages)
        super().__init__("invalid configuration: " + "; ".join(self.messages))


class ModelFileError(DumaError):
    """A model file that cannot be written or must not be loaded."""


class JournalError(DumaError):
    """A journal that cannot be written or read, or that does not belong to what it is used with."""


class BackupError(DumaError):
    """A backup that cannot be made, read or restored, or a place for backups that cannot be used."""
