"""The API process: REST, live stream and console on one port. The composition root of `api`."""

import asyncio
import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import uvicorn
from fastapi import FastAPI

from api.app import build_app
from api.audit.keeping import AuditKeeper
from api.console import mount
from api.floorplans.service import build_drawing_store
from api.http.tls import TlsPort, build_port
from api.services import Services, build_services
from api.snapshots.service import build_store as build_store_of_snapshots
from linli import runtime
from linli.adapters.connect import service_client
from linli.adapters.store import build_store
from linli.audit import system
from linli.audithead import HeadFile
from linli.datafolder import DataFolder
from linli.db.database import open_database
from linli.erasing import FormerPersons
from linli.errors import LinliError, PortTaken
from linli.i18n import Text
from linli.keeping import Kept
from linli.settings import Settings, load_settings
from linli.snapshotfiles import SnapshotFiles

GRACE_S = 1
"""How long requests under way may take once the process should stop; live streams are ended first."""

KEEP_ALIVE_S = 75
"""How long an idle connection is kept: longer than a proxy keeps its own (nginx: 60 s), or it would send into a closed one."""

END_ANYWAY_S = 2.5
"""After this the process ends even if a thread still waits for a store that hangs. It may be killed at any time as well."""

THREADS = 32
"""For the console's work on the database. Python's own default is the number of processors and four."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: `runtime.begin` has set ours. With `port` it is the one that takes connections."""

    def __init__(self, config: uvicorn.Config, port: TlsPort | None) -> None:
        super().__init__(config)
        self._port = port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does, but for who takes the connections under TLS."""
        if self._port is None or not sockets:
            await super().startup(sockets)
            return
        await super().startup([])
        self._port.start(sockets[0], self._protocol)
        self.servers.append(self._port)  # type: ignore[arg-type]  # closed and waited for like one, and nothing else

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

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
    port = build_port(settings)
    database = open_database(settings.app_database_url)
    store = build_store(settings)
    hearing, commanding = service_client(settings, "api"), service_client(settings, "api")
    # A district's registry is a million objects: the garbage collector would stop all requests for 0.2 s to look through them.
    settled = partial(runtime.keep, anew=True)
    services = build_services(settings, database, store, clock, hearing, commanding, settled)
    app = build_app(services, mount)
    reporter = runtime.Reporter("api", database, clock, lambda: _health(services, app, port))
    pictures = SnapshotFiles(DataFolder(settings.data).snapshots)
    thinners = {
        Kept.SNAPSHOTS: build_store_of_snapshots(database, settings).delete_before,
        Kept.DRAWINGS: build_drawing_store(database, settings).delete_before,
        Kept.PERSONS: FormerPersons(database, store, pictures.remove, system("api"), clock).erase_before,
    }
    keeper = AuditKeeper(database, HeadFile(settings.audit_head_path), settings.terms, clock, thinners)
    listener = _listen(settings.host, settings.port)
    try:
        reporter.start()
        keeper.start()
        asyncio.run(_serve(app, services, listener, port, stop))
    finally:
        keeper.stop()
        reporter.stop()
        listener.close()
        store.close()
        database.close()
    return 0


async def _serve(
    app: FastAPI, services: Services, listener: socket.socket, port: TlsPort | None, stop: threading.Event
) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    server = _Server(config, port)
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    loop.set_default_executor(ThreadPoolExecutor(THREADS, "console"))
    threading.Thread(target=_tell, args=(stop, loop, told), name="stop", daemon=True).start()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    serving.add_done_callback(lambda _task: stop.set())
    await told.wait()
    _end_anyway()
    await asyncio.to_thread(services.stop)  # ends the live streams, which would else last as long as their readers
    server.should_exit = True
    await serving


def _tell(stop: threading.Event, loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    stop.wait()
    loop.call_soon_threadsafe(told.set)


def _end_anyway() -> None:
    timer = threading.Timer(END_ANYWAY_S, os._exit, (0,))
    timer.daemon = True
    timer.start()


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


def _health(services: Services, app: FastAPI, port: TlsPort | None) -> runtime.Health:
    counters = {"requests": float(app.state.requests.total()), "streams": float(services.live.streams)}
    troubles = runtime.Troubles()
    for cause, text in services.own_troubles().items():
        troubles.set(cause, text)
    if port is not None and port.fault is not None:
        troubles.set("certificate", port.fault, hinders=False)
    return troubles.health(counters)


if __name__ == "__main__":
    sys.exit(main())
