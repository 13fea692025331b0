"""What lies between the processes and may be cut: a TCP proxy, and an HTTP proxy that plays a failing InfluxDB."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

import urllib3

_CHUNK = 65536
_TICK_S = 0.01
_MOST_BUFFERED = 1_000_000
_OWN_HEADERS = ("host", "connection", "content-length")


class Link(StrEnum):
    """How a TcpProxy treats its connections."""

    UP = "up"
    CUT = "cut"
    """Connections are reset, and new ones refused."""
    STALLED = "stalled"
    """Connections stand, new ones are accepted, and nothing passes."""


@dataclass(eq=False, slots=True)
class _End:
    """One side of a pair; `out` is what waits to be written to it."""

    socket: socket.socket
    peer: "_End | None" = None
    dialled: bool = False
    """Whether this is the side that connected to us: what it sends is subject to the throttle."""
    allowed: float = 0.0
    """How many bytes of it may pass at once."""
    out: bytearray = field(default_factory=bytearray)


class TcpProxy:
    """Listens on `port` and passes on to the first of `targets` that can be reached, beginning with the one used last."""

    def __init__(self, targets: list[int]) -> None:
        self.targets = targets
        self.link = Link.UP
        self.bytes_per_s: float | None = None
        self._filled_at = monotonic()
        self._preferred = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        # What waits on the way to a narrow line is little; that of loopback would be seconds of it.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _CHUNK)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._ends: set[_End] = set()
        self._orders: list[Callable[[], None]] = []
        self._wake, self._woken = socket.socketpair()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()

    def set(self, link: Link) -> None:
        """Change how connections are treated; when it returns, that is done."""
        done = threading.Event()

        def change() -> None:
            self.link = link
            if link is Link.CUT:
                for end in list(self._ends):
                    self._close(end)
            for end in list(self._ends):
                self._watch(end)
            done.set()

        self._orders.append(change)
        self._wake.send(b"!")
        done.wait(5)

    def throttle(self, bytes_per_s: float | None) -> None:
        """From now on carry no more than this from each that has connected to us; None: anything."""
        self.bytes_per_s = bytes_per_s
        self.set(self.link)

    def drop_connections(self) -> None:
        """Reset every connection; new ones are taken at once."""
        before = self.link
        self.set(Link.CUT)
        self.set(before)

    def stop(self) -> None:
        """Close all."""
        self._stopping = True
        self._wake.send(b"!")
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stopping:
            for key, events in self._selector.select(1.0 if self.bytes_per_s is None else _TICK_S):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._woken.recv(64)
                elif key.data in self._ends:
                    self._serve(key.data, events)
            while self._orders:
                self._orders.pop(0)()
            if self.bytes_per_s is not None:
                self._allow_more(self.bytes_per_s)
        for end in list(self._ends):
            self._close(end)
        self._selector.close()
        for own in (self._listener, self._wake, self._woken):
            own.close()

    def _allow_more(self, bytes_per_s: float) -> None:
        now = monotonic()
        more, most = (now - self._filled_at) * bytes_per_s, bytes_per_s * 2 * _TICK_S
        self._filled_at = now
        for end in self._ends:
            starved = end.allowed <= 0
            end.allowed = min(end.allowed + more, most)
            if starved and end.dialled:
                self._watch(end)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        server = None if self.link is Link.CUT else self._connect()
        if server is None:
            connection.close()
            return
        client = _End(connection, dialled=True)
        client.peer = _End(server, client)
        for end in (client, client.peer):
            end.socket.setblocking(False)
            end.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ends.add(end)
            self._watch(end)

    def _connect(self) -> socket.socket | None:
        for step in range(len(self.targets)):
            chosen = (self._preferred + step) % len(self.targets)
            try:
                server = socket.create_connection(("127.0.0.1", self.targets[chosen]), timeout=1)
            except OSError:
                continue
            self._preferred = chosen
            return server
        return None

    def _watch(self, end: _End) -> None:
        """Listen to the end for what it can be used for now."""
        if end not in self._ends or end.peer is None:
            return
        events = 0
        if self.link is Link.UP:
            may_read = not (end.dialled and self.bytes_per_s is not None and end.allowed <= 0)
            if may_read and len(end.peer.out) < _MOST_BUFFERED:
                events |= selectors.EVENT_READ
            if end.out:
                events |= selectors.EVENT_WRITE
        known = end.socket in self._selector.get_map()
        if not events:
            if known:
                self._selector.unregister(end.socket)
        elif known:
            self._selector.modify(end.socket, events, end)
        else:
            self._selector.register(end.socket, events, end)

    def _serve(self, end: _End, events: int) -> None:
        peer = end.peer
        assert peer is not None
        try:
            if events & selectors.EVENT_READ:
                throttled = end.dialled and self.bytes_per_s is not None
                data = end.socket.recv(max(1, min(_CHUNK, int(end.allowed))) if throttled else _CHUNK)
                end.allowed -= len(data) if throttled else 0
                if not data:
                    self._close(end)
                    return
                peer.out += data
            if end.out and events & selectors.EVENT_WRITE:
                del end.out[: end.socket.send(end.out)]
        except BlockingIOError:
            pass
        except OSError:
            self._close(end)
            return
        self._watch(end)
        self._watch(peer)

    def _close(self, end: _End) -> None:
        for one in (end, end.peer):
            if one is not None and one in self._ends:
                self._ends.discard(one)
                if one.socket in self._selector.get_map():
                    self._selector.unregister(one.socket)
                one.socket.close()


class Mood(StrEnum):
    """How a StoreProxy treats writes."""

    WELL = "well"
    DOWN = "down"
    """The connection ends without an answer."""
    SLOW = "slow"
    """The write is done, but the answer comes after the writer's time-out."""
    REFUSING = "refusing"
    """503 to everything."""
    PARTIAL = "partial"
    """Lines with a marked number are not stored, the others are; 400 with `dropped=`."""


PARTIAL_EVERY = 40
"""While it is PARTIAL, every event whose number is divisible by this is refused."""


class StoreProxy:
    """Stands before an InfluxDB 1.x and treats its writes as `mood` says."""

    def __init__(self, target: str, slow_s: float) -> None:
        self.mood = Mood.WELL
        self.slow_s = slow_s
        self.target = target
        self.pool = urllib3.PoolManager(retries=False, maxsize=8)
        self.stopping = threading.Event()
        proxy = self

        class Handler(_Handler):
            store = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="store-proxy", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Close all."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        self.pool.clear()


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    store: StoreProxy

    def do_GET(self) -> None:
        self._answer_to(b"")

    def do_POST(self) -> None:
        self._answer_to(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer_to(self, body: bytes) -> None:
        mood = self.store.mood
        if mood is Mood.DOWN:
            self.close_connection = True
        elif mood is Mood.REFUSING:
            self._answer(503, {}, b'{"error":"no"}')
        elif mood is Mood.WELL or "/write" not in self.path:
            self._answer(*self._forward(body))
        elif mood is Mood.SLOW:
            answer = self._forward(body)
            self.store.stopping.wait(self.store.slow_s)
            self._answer(*answer)
        else:
            self._partially(body)

    def handle(self) -> None:
        """Until the connection ends, however it ends."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _partially(self, body: bytes) -> None:
        lines = body.split(b"\n")
        good = [line for line in lines if not is_marked(line)]
        answer = self._forward(b"\n".join(good)) if good else (204, {}, b"")
        if len(good) < len(lines):
            said = f"partial write: field type conflict dropped={len(lines) - len(good)}"
            answer = 400, {"X-Influxdb-Error": said}, f'{{"error":"{said}"}}'.encode()
        self._answer(*answer)

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN_HEADERS}
        try:
            answer = self.store.pool.request(
                self.command, self.store.target + self.path, body=body or None, headers=headers, timeout=30
            )
        except urllib3.exceptions.HTTPError as error:
            return 502, {}, str(error).encode()
        kept = {
            name: value for name, value in answer.headers.items() if name.lower().startswith(("x-", "content-type"))
        }
        return answer.status, kept, answer.data

    def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if status != 204:
                self.wfile.write(data)
        except OSError:  # who asked did not wait
            self.close_connection = True


def is_marked(line: bytes) -> bool:
    """Whether this line of line protocol is refused by a PARTIAL store."""
    _, found, rest = line.partition(b'data="{\\"n\\":')
    number = rest.partition(b"}")[0]
    return bool(found) and number.isdigit() and int(number) % PARTIAL_EVERY == 0
