"""An InfluxDB 1.x of the bench's own: found on the PATH, in its own folder, on free ports, gone with the block."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import requests

from linli.cli.private import free_ports
from linli.errors import LinliError
from linli.i18n import Text

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[logging]
  level = "error"
"""
_PATIENCE_S = 30.0
_QUERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Influx:
    """A running InfluxDB."""

    url: str
    pid: int
    version: str

    def query(self, words: str, database: str = "") -> list[list[object]]:
        """The rows of the first series that InfluxQL `words` give; none if there is no series."""
        answer = requests.post(f"{self.url}/query", params={"q": words, "db": database}, timeout=_QUERY_S)
        answer.raise_for_status()
        series = answer.json()["results"][0].get("series", [])
        return list(series[0]["values"]) if series else []


def find() -> str | None:
    """The program, or None if it is not installed."""
    return shutil.which("influxd")


@contextmanager
def running(program: str, folder: Path, database: str) -> Iterator[Influx]:
    """Run `program` with all it keeps under `folder` and an empty `database`. LinliError if it does not answer."""
    port, rpc = free_ports(2)
    config = folder / "influxdb.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, rpc=rpc), encoding="utf-8")
    with (folder / "influxd.log").open("wb") as log:
        process = subprocess.Popen([program, "-config", str(config)], stdout=log, stderr=log, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        influx = Influx(url, process.pid, _version(url))
        influx.query(f'CREATE DATABASE "{database}"')
        yield influx
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _version(url: str) -> str:
    pause, deadline = threading.Event(), monotonic() + _PATIENCE_S
    while True:
        try:
            return str(requests.get(f"{url}/ping", timeout=2).headers.get("X-Influxdb-Version", "?"))
        except requests.RequestException:
            if monotonic() > deadline:
                raise LinliError(
                    Text("influxd 未能启动", f"influxd does not answer after {_PATIENCE_S:.0f} s")
                ) from None
            pause.wait(0.05)
