"""What a client's call may raise, with the names of Jubatus' Python client and its RPC library."""

import builtins


class RPCError(Exception):
    """A call failed; of the server's own errors, `str()` is its text."""


class InterfaceMismatch(RPCError):
    """Client and server do not agree on a method."""


class UnknownMethod(InterfaceMismatch):
    """The server does not have the method."""


class TypeMismatch(InterfaceMismatch):
    """An argument or a result has another type than the other side expects."""


class TransportError(RPCError, ConnectionError):
    """The server cannot be reached, or closed the connection before it answered."""


class TimeoutError(RPCError, builtins.TimeoutError):  # noqa: A001 - the name that callers know
    """No answer came in time; the server may still execute the call."""
