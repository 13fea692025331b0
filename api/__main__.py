"""The API process: REST, live stream and console on one port. The composition root of `api`."""

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from api.app import build_app
from api.console import mount
from api.services import Services, build_services
from linli import runtime
from linli.adapters.connect import service_client
from linli.adapters.store import build_store
from linli.db.database import open_database
from linli.errors import LinliError, PortTaken
from linli.i18n import Text
from linli.settings import Settings, load_settings

GRACE_S = 1
"""How long requests under way may take once the process should stop; live streams are ended first."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: `runtime.begin` has set ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def main() -> int:
    """Run until told to stop; 0, or 2 after an error of ours."""
    try:
        settings = load_settings()
        stop = runtime.begin("api", settings)
        return _run(settings, stop)
    except LinliError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2


def _run(settings: Settings, stop: threading.Event) -> int:
    clock = settings.clock()
    database = open_database(settings.app_database_url)
    store = build_store(settings)
    services = build_services(settings, database, store, clock, service_client(settings, "api"))
    app = build_app(services, mount)
    reporter = runtime.Reporter("api", database, clock, lambda: _health(services, app))
    listener = _listen(settings.host, settings.port)
    try:
        reporter.start()
        asyncio.run(_serve(app, services, listener, stop))
    finally:
        reporter.stop()
        listener.close()
        store.close()
        database.close()
    return 0


async def _serve(app: FastAPI, services: Services, listener: socket.socket, stop: threading.Event) -> None:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_S
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    waiting = asyncio.create_task(asyncio.to_thread(stop.wait))
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.to_thread(services.live.stop)  # ends the live streams, which would else last as long as their readers
    server.should_exit = True
    await serving


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, made here so that a port that is taken is an error of ours with words of ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only for sockets that name TCP; with it an answer takes 40 ms longer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        said = error.strerror or str(error)
        raise PortTaken(
            Text(
                f"无法在 {host}:{port} 上监听：{said}。请用 --port 换一个端口",
                f"cannot listen on {host}:{port}: {said}. Choose another port with --port",
            ),
            port=port,
        ) from None
    return listener


def _health(services: Services, app: FastAPI) -> runtime.Health:
    counters = {"requests": float(app.state.requests.total()), "streams": float(services.live.streams)}
    if services.live.connected:
        return runtime.Health("ok", "", counters)
    return runtime.Health("degraded", "no connection to the broker", counters)


if __name__ == "__main__":
    sys.exit(main())
