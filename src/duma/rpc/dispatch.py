"""From a request to its answer: find the method, call it, say what goes wrong in the protocol's words."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from duma._core import Malformed, TypeMismatch
from duma.engines.declaration import Buffer, Method
from duma.errors import ArgumentMismatch, DumaError
from duma.rpc import wire
from duma.rpc.scheduling import Source, UpdateLog, UpdateOrder

logger = logging.getLogger("duma.rpc")

# Threads for calls that block: they mostly wait for files, and must not take the place of analyses.
BLOCKING_THREADS = 2

# Calls with smaller parameters run on the event loop: they take less time than handing them to a thread.
SMALL = 16 * 1024


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """A method and the object that it is called on.

    `blocking`: may take long whatever its arguments, so it always runs in a thread.
    `ordered`: takes turns in the update order and is recorded in the log; None: if the method updates.
    `named`: its first parameter is the cluster's name.
    """

    method: Method
    target: object
    blocking: bool = False
    ordered: bool | None = None
    named: bool = True


@dataclass(frozen=True, slots=True)
class MethodCount:
    """How often a method was called since the start, and how many of these calls failed."""

    requests: int
    errors: int


class Service:
    """A method as it is served. `call` may be used from any thread; the rest belongs to the event loop."""

    __slots__ = (
        "_bound",
        "_counted",
        "_errors",
        "_log",
        "_method",
        "_mutex",
        "_named",
        "_on_update",
        "_slow",
        "_target",
        "blocking",
        "ordered",
        "requests",
    )

    def __init__(
        self, bound: BoundMethod, on_update: Callable[[Method], None] | None, log: UpdateLog | None
    ) -> None:
        self._method = bound.method
        self._target = bound.target
        self._named = bound.named
        self._slow = bound.method.slow
        self.blocking = bound.blocking
        self.ordered = bound.method.updates if bound.ordered is None else bound.ordered
        self._on_update = on_update if bound.method.counted else None
        self._log = log if self.ordered else None
        self._mutex = threading.Lock()
        self._errors = 0
        self.requests = 0

    @property
    def count(self) -> MethodCount:
        """The calls so far."""
        return MethodCount(self.requests, self._errors)

    def is_small(self, params: Buffer) -> bool:
        """Whether a call takes less time than handing it to a thread."""
        if len(params) >= SMALL or self.blocking:
            return False
        slow = self._slow
        return not (slow if isinstance(slow, bool) else slow(self._target))

    def call(
        self,
        id: int | None,  # noqa: A002 - the protocol's word
        params: Buffer,
        arguments: list[Buffer] | None,
        source: Source,
    ) -> tuple[bytes, int]:
        """Call the method; returns the response (empty for a notify) and the log position it waits for, or 0.

        Raises nothing: whatever the method raises is in the response.
        """
        position = 0
        try:
            arguments = self._own_arguments(arguments)
            if self._log is not None:
                position = self._log.append(self._method.name.encode(), params, source)
            result = self._method.call_packed(self._target, arguments)
            if self._on_update is not None:
                self._on_update(self._method)
            return (wire.response(id, result) if id is not None else b""), position
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return self._failure(id, error), position

    def _own_arguments(self, arguments: list[Buffer] | None) -> list[Buffer]:
        if not self._named:
            if arguments is None and self._method.parameters:
                raise ArgumentMismatch("the parameters are not an array")
            return arguments or []
        if not arguments or not wire.is_raw(arguments[0]):
            raise ArgumentMismatch("the first parameter must be the cluster's name, a string")
        return arguments[1:]

    def _failure(self, id: int | None, error: BaseException) -> bytes:  # noqa: A002
        with self._mutex:
            self._errors += 1
        name = self._method.name
        if isinstance(error, (ArgumentMismatch, TypeMismatch, Malformed)):
            logger.debug("%s: argument error: %s", name, error)
            return wire.argument_error(id) if id is not None else b""
        # Jubatus counts a call that fails, but not one whose arguments it could not read.
        if self._on_update is not None:
            self._on_update(self._method)
        if isinstance(error, DumaError):
            logger.warning("exception in RPC thread: %s: %s: %s", name, type(error).__name__, error)
        else:
            logger.error("error in RPC thread: %s", name, exc_info=error)
        if id is None:
            return b""
        if isinstance(error, MemoryError):
            return wire.failure(id, "std::bad_alloc")
        return wire.failure(id, str(error) or type(error).__name__)


class Dispatcher:
    """Knows the services of a server, and the threads that large calls run in."""

    def __init__(
        self,
        methods: Mapping[str, BoundMethod],
        threads: int,
        on_update: Callable[[Method], None] | None,
        log: UpdateLog | None,
    ) -> None:
        self.services = {name.encode(): Service(bound, on_update, log) for name, bound in methods.items()}
        self.order = UpdateOrder()
        self.log = log
        self.unknown_requests = 0
        self._analyses = ThreadPoolExecutor(threads, thread_name_prefix="analyses")
        self._blocking = ThreadPoolExecutor(BLOCKING_THREADS, thread_name_prefix="blocking")

    def try_now(
        self,
        service: Service,
        id: int | None,  # noqa: A002
        params: Buffer,
        arguments: list[Buffer] | None,
        source: Source,
    ) -> tuple[bytes, int] | None:
        """Call at once, in this thread, if the call is small and its turn; None: it must go to a thread."""
        if not service.is_small(params):
            return None
        if not service.ordered:
            return service.call(id, params, arguments, source)
        if not self.order.try_begin():
            return None
        try:
            return service.call(id, params, arguments, source)
        finally:
            self.order.end()

    def call_later(
        self,
        service: Service,
        id: int | None,  # noqa: A002
        params: Buffer,
        arguments: list[Buffer] | None,
        source: Source,
        done: Callable[[bytes, int], None],
    ) -> None:
        """Call in a thread, which then hands the response and its log position to `done`."""

        def job() -> None:
            done(*service.call(id, params, arguments, source))

        if service.ordered:
            self.order.submit(job)
        else:
            (self._blocking if service.blocking else self._analyses).submit(job)

    def stop(self) -> None:
        """Wait for the calls that run; the threads end."""
        # A call that blocks may still want its turn in the update order.
        self._blocking.shutdown(wait=True)
        self._analyses.shutdown(wait=True)
        self.order.stop()
