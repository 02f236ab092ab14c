"""One connection: bytes in, answers out, in the order of the requests.

Requests of a connection run one after the other; while one is in a thread, the next are kept and reading
pauses. The answers that are ready together leave in one write. When the client does not read its answers, no
further request of it is run, so that what a connection can occupy is bounded on both sides.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from duma.rpc import wire
from duma.rpc.dispatch import Dispatcher
from duma.rpc.scheduling import Source

logger = logging.getLogger("duma.rpc")

_TURN = 128  # requests of one connection before others have a turn
_JOINED = 64 * 1024  # bytes of answers that are gathered before they are written
_WRITE_HIGH = 256 * 1024  # unsent bytes at which no further request is run
_MAX_UNDURABLE = 4096  # answers that wait for the log
_LINGER = 2.0  # seconds for a refused client to read why
_MAX_LINGERING = 64
_FLUSH = 5.0  # seconds for a client to read its last answers when the server stops


@dataclass(frozen=True, slots=True)
class Limits:
    """What connections may take. `idle_seconds` 0: never closed for being idle."""

    max_message_bytes: int = 256 * 1024 * 1024
    max_depth: int = 32
    max_connections: int = 1000
    max_buffered_bytes: int = 1024 * 1024 * 1024
    idle_seconds: float = 0.0


class Connections:
    """All connections of a server and what they share."""

    def __init__(self, limits: Limits, dispatcher: Dispatcher) -> None:
        self.limits = limits
        self.dispatcher = dispatcher
        self.open: set[Connection] = set()
        self.undurable: set[Connection] = set()
        self.buffered_bytes = 0
        self.lingering = 0
        self.numbers = itertools.count(1)  # one for each connection, for the log
        self.refused = 0
        self.scratch = bytearray(64 * 1024)  # where bytes go that nobody will read
        self.finishing = False
        self._flushing = False  # `_flush` is scheduled
        self._empty: asyncio.Future[None] | None = None

    def closed(self, connection: "Connection") -> None:
        """Forget a connection."""
        self.open.discard(connection)
        self.undurable.discard(connection)
        if not self.open and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    async def finish(self) -> None:
        """Answer what runs, drop what waits, close all; returns when the last is closed."""
        self.finishing = True
        for connection in list(self.open):
            connection.finish()
        if self.open:
            self._empty = asyncio.get_running_loop().create_future()
            await self._empty

    def flush_soon(self) -> None:
        """Have the log make safe what was appended: once for all connections that have something now."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        assert self.dispatcher.log is not None
        self.dispatcher.log.flush()
        self.release_durable()

    def release_durable(self) -> None:
        """Send the answers that the log has made safe."""
        for connection in list(self.undurable):
            connection.release_durable()

    def sweep(self, now: float) -> None:
        """Close the connections that have been idle for too long."""
        for connection in list(self.open):
            connection.close_if_idle(now)


class Connection(asyncio.BufferedProtocol):
    """The server's end of one connection. Everything in here happens on the event loop."""

    def __init__(self, connections: Connections, loop: asyncio.AbstractEventLoop) -> None:
        limits = connections.limits
        self._connections = connections
        self._dispatcher = connections.dispatcher
        self._loop = loop
        self._transport: asyncio.Transport
        self._source: Source
        self._splitter = wire.Splitter(limits.max_message_bytes, limits.max_depth)
        self._queue: deque[wire.Request] = deque()
        self._undurable: deque[tuple[int, int, bytes]] = deque()  # log position, request id, response
        self._buffered = 0  # this connection's part of `connections.buffered_bytes`
        self._idle_since = 0.0
        self._unsent = 0  # at the last look of the sweeper
        self._calling = False  # a request of this connection is in a thread
        self._turn_over = False  # the next turn is scheduled
        self._reading_paused = False
        self._writing_paused = False
        self._input_over = False  # no further request will come; closes when all is answered
        self._closing = False  # nothing more is written
        self._lost = False
        self._refusal: bytes | None = None  # said before the connection is closed

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._source = Source(next(self._connections.numbers), self._peer())
        self._idle_since = self._loop.time()
        transport.set_write_buffer_limits(_WRITE_HIGH)
        connections = self._connections
        connections.open.add(self)
        if len(connections.open) - connections.lingering > connections.limits.max_connections:
            self._refuse(0, f"server is full: {connections.limits.max_connections} connections are open")
        elif connections.finishing:  # it was accepted before the listener closed
            self._end_input()

    def get_buffer(self, sizehint: int) -> memoryview | bytearray:  # noqa: ARG002
        return self._connections.scratch if self._input_over else self._splitter.room()

    def buffer_updated(self, nbytes: int) -> None:
        if self._input_over:
            return
        splitter = self._splitter
        requests = splitter.received(nbytes)
        if requests:
            self._queue.extend(requests)
        if splitter.broken is not None:
            self._give_up(splitter.broken)
        if requests:
            self._run([])
        self._account(nbytes)

    def eof_received(self) -> bool:
        self._input_over = True
        # The client may have closed only its writing side: it gets its answers.
        return not self._drained()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._run([])

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._closing = self._input_over = self._lost = True
        self._writing_paused = False
        self._undurable.clear()
        self._connections.buffered_bytes -= self._buffered
        self._buffered = 0
        if self._refusal is not None:
            self._connections.lingering -= 1
            self._refusal = None
        # What was received is still done, as by Jubatus; only the answers go nowhere.
        self._run([])

    # Requests

    def _run(self, answers: list[bytes]) -> None:
        """Send `answers`, and run requests of the queue until one goes to a thread or the turn is over."""
        if self._calling or self._turn_over:
            self._write(answers)
            self._pause_or_resume_reading()
            return
        queue = self._queue
        dispatcher = self._dispatcher
        services = dispatcher.services
        left = _TURN
        size = 0
        answered = bool(answers)
        logged = False
        while queue and not self._writing_paused and len(self._undurable) < _MAX_UNDURABLE:
            if left == 0:
                self._turn_over = True
                self._loop.call_soon(self._next_turn)
                break
            left -= 1
            id_, name, params, arguments = queue.popleft()
            service = services.get(name)
            if service is None:
                dispatcher.unknown_requests += 1
                response, position = wire.unknown_method(id_, name) if id_ is not None else b"", 0
            else:
                service.requests += 1
                outcome = dispatcher.try_now(service, id_, params, arguments, self._source)
                if outcome is None:
                    self._calling = True
                    dispatcher.call_later(
                        service, id_, params, arguments, self._source, self._when_called(id_)
                    )
                    break
                response, position = outcome
                logged = logged or position > 0
            if id_ is None:
                continue
            answered = True
            if position or self._undurable:
                response = self._hold(position, id_, response)
            answers.append(response)
            size += len(response)
            if size >= _JOINED:
                self._write(answers)
                answers = []
                size = 0
        if logged:
            self._connections.flush_soon()
        self._write(answers)
        if answered:
            self._idle_since = self._loop.time()
        self._pause_or_resume_reading()
        if self._input_over:
            self._close_when_drained()

    def _next_turn(self) -> None:
        self._turn_over = False
        self._run([])
        self._account(0)

    def _when_called(self, id_: int | None) -> Callable[[bytes, int], None]:
        def done(response: bytes, position: int) -> None:
            self._loop.call_soon_threadsafe(self._called, id_, response, position)

        return done

    def _called(self, id_: int | None, response: bytes, position: int) -> None:
        self._calling = False
        if id_ is not None and (position or self._undurable):
            response = self._hold(position, id_, response)
        if position:
            self._connections.flush_soon()
        self._run([response] if id_ is not None else [])
        self._account(0)

    # Answers

    def _hold(self, position: int, id_: int, response: bytes) -> bytes:
        """Keep an answer, and all after it, until the log is safe up to `position`; returns what may go."""
        log = self._dispatcher.log
        assert log is not None
        if not self._undurable and position <= log.durable:
            return response
        self._undurable.append((position, id_, response))
        self._connections.undurable.add(self)
        return b""

    def release_durable(self) -> None:
        """Send the answers that the log has made safe; errors instead when it never will."""
        log = self._dispatcher.log
        assert log is not None
        failure, durable = log.failure, log.durable
        answers = []
        while self._undurable:
            position, id_, response = self._undurable[0]
            if position > durable:
                if failure is None:
                    break
                response = wire.failure(id_, str(failure))
            answers.append(response)
            self._undurable.popleft()
        if not self._undurable:
            self._connections.undurable.discard(self)
        self._run(answers)

    def _write(self, answers: list[bytes]) -> None:
        if not answers or self._closing:
            return
        data = answers[0] if len(answers) == 1 else b"".join(answers)
        if data:
            self._transport.write(data)

    # Flow and limits

    def _pause_or_resume_reading(self) -> None:
        pause = bool(self._queue) or len(self._undurable) >= _MAX_UNDURABLE
        if pause is not self._reading_paused and not self._input_over:
            self._reading_paused = pause
            if pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _account(self, received: int) -> None:
        """Count the bytes that wait, of all connections; refuse the connection that passes the limit."""
        if self._closing:
            return
        waiting = self._queue or self._calling
        buffered = self._buffered + received if waiting else self._splitter.pending
        if buffered == self._buffered:
            return
        connections = self._connections
        connections.buffered_bytes += buffered - self._buffered
        self._buffered = buffered
        limit = connections.limits.max_buffered_bytes
        if connections.buffered_bytes > limit and not self._input_over:
            self._queue.clear()
            self._refuse(
                self._splitter.unfinished_id or 0, f"server is full: requests of {limit} bytes are waiting"
            )

    def _give_up(self, reason: str) -> None:
        """Nothing after these bytes can be understood."""
        logger.warning("connection from %s is given up: %s", self._peer(), reason)
        if self._splitter.too_large:
            limit = self._connections.limits.max_message_bytes
            self._refuse(
                self._splitter.unfinished_id or 0, f"message is larger than the limit of {limit} bytes"
            )
        else:
            self._end_input()

    def _refuse(self, id_: int, text: str) -> None:
        """Say why, after the answers that are still to come, and close."""
        self._connections.refused += 1
        self._connections.lingering += 1
        self._refusal = wire.failure(id_, text)
        self._end_input()

    # The end

    def finish(self) -> None:
        """The server stops: the call that runs is answered, nothing else is begun."""
        self._queue.clear()
        self._end_input()

    def close_if_idle(self, now: float) -> None:
        """Close when nothing was asked for too long and no answer is on its way."""
        idle = self._connections.limits.idle_seconds
        if not idle or self._closing or now - self._idle_since < idle:
            return
        if self._calling or self._undurable:
            return
        unsent = self._transport.get_write_buffer_size()
        if unsent == 0:
            self._queue.clear()
            self._end_input()
        elif unsent == self._unsent:
            self._transport.abort()
        else:  # its client reads, if slowly
            self._unsent = unsent
            self._idle_since = now

    def _end_input(self) -> None:
        self._input_over = True
        if not self._reading_paused and self._refusal is None:
            self._reading_paused = True
            self._transport.pause_reading()
        self._close_when_drained()

    def _drained(self) -> bool:
        return not (self._queue or self._calling or self._undurable)

    def _close_when_drained(self) -> None:
        if not self._drained():
            return
        if self._lost:
            self._connections.closed(self)
        elif not self._closing:
            self._close()

    def _close(self) -> None:
        self._closing = True
        transport = self._transport
        if self._refusal is not None:
            transport.write(self._refusal)
        if self._refusal is not None and self._connections.lingering <= _MAX_LINGERING:
            # Closing with unread bytes would reset the connection, and the client would not see the refusal.
            try:
                transport.write_eof()
            except OSError:  # the client is gone already
                transport.abort()
                return
            if self._reading_paused:
                self._reading_paused = False
                transport.resume_reading()
            self._loop.call_later(_LINGER, transport.abort)
            return
        transport.close()
        if self._connections.finishing:
            self._loop.call_later(_FLUSH, transport.abort)

    def _peer(self) -> str:
        host, port = self._transport.get_extra_info("peername")[:2]
        return f"{host}:{port}"
