"""A real InfluxDB 1.x for tests: on a free port, with its own folder, ended with the block."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from tests.support import eventually, free_port, need

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
  max-values-per-tag = {tag_values}
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  auth-enabled = {auth}
[logging]
  level = "error"
"""


@contextmanager
def running(folder: Path, auth: bool = False, tag_values: int = 100_000) -> Iterator[str]:
    """Start influxd with all it keeps under `folder`; gives its URL. `tag_values`: how many one tag may have."""
    program = need("influxd")
    port, rpc = free_port(), free_port()
    config = folder / "influxdb.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, rpc=rpc, auth=str(auth).lower(), tag_values=tag_values))
    with (folder / "influxd.log").open("w") as log:
        process = subprocess.Popen([program, "-config", str(config)], stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: _answers(url), timeout=30, what="influxd answers")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str) -> bool:
    with urllib3.PoolManager(retries=False) as pool:
        try:
            return pool.request("GET", url + "/ping", timeout=2).status == 204
        except urllib3.exceptions.HTTPError:
            return False
