"""What tests share: finding real servers, free ports, and waiting for a condition instead of a fixed time."""

import os
import shutil
import socket
import threading
from collections.abc import Callable
from time import monotonic
from typing import NoReturn

import pytest

_PACKAGES = {"mosquitto": "mosquitto", "influxd": "influxdb", "chromium": "chromium", "mosquitto_passwd": "mosquitto"}


def need(program: str) -> str:
    """The path of `program`; skips the test with the reason if it is not installed (fails if all are required)."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        missing(f"{program} is not installed (Debian package {_PACKAGES.get(program, program)})")
    return path


def missing(reason: str) -> NoReturn:
    """Skip because something is missing; with LINLI_TEST_REQUIRE_ALL=1, fail."""
    if os.environ.get("LINLI_TEST_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(condition: Callable[[], object], timeout: float = 10.0, what: str = "") -> None:
    """Return once `condition` gives something true, looking 50 times a second; fail after `timeout` seconds."""
    waiter = threading.Event()
    deadline = monotonic() + timeout
    while not condition():
        if monotonic() > deadline:
            pytest.fail(f"not within {timeout} s: {what or condition}")
        waiter.wait(0.02)
