"""A small HTTP server that notes what it is asked and answers what a test says."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request. `query`: each parameter once."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """One answer; `document` goes out as JSON, None as no body."""

    status: int = 204
    document: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """`answer` may be replaced while it runs."""

    url: str
    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)

    def on(self, path: str) -> list[Asked]:
        """The requests on one path, in order."""
        return [asked for asked in self.asked if asked.path == path]


@contextmanager
def serving(answer: Callable[[Asked], Answer], whole_path: bool = False) -> Iterator[Server]:
    """Serve on a free port of loopback until the block ends. `whole_path`: a request's path has its query too."""
    server = Server("", answer)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path if whole_path else parts.path, query, headers, body)
            server.asked.append(asked)
            answer = server.answer(asked)
            out = b"" if answer.document is None else json.dumps(answer.document).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Type", "application/json")
            if answer.status != 204 and "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(out)))
            self.close_connection = "Content-Length" in answer.headers  # an answer that breaks off
            with suppress(OSError):  # the client may have given up
                self.end_headers()
                self.wfile.write(out)

        do_GET = do_POST = _handle

        def log_message(self, format: str, *args: object) -> None:
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
