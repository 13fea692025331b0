"""A port that is taken: the message names who has it and what to do."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from linli.cli import ports
from linli.errors import ConfigError, PortTaken
from tests.support import eventually, free_port


@pytest.fixture
def listener() -> Iterator[tuple[int, int]]:
    """Another process that listens: its port and pid."""
    port = free_port()
    program = f"import socket,sys\ns=socket.create_server(('127.0.0.1',{port}))\nsys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    eventually(lambda: ports.is_open("127.0.0.1", port), what="it listens")
    yield port, process.pid
    process.communicate()


def test_the_message_names_the_process_and_the_way_out(listener: tuple[int, int]) -> None:
    """Pid, name, how to stop it, how to choose another port - in both languages."""
    port, pid = listener
    with pytest.raises(PortTaken) as caught:
        ports.require_free("127.0.0.1", port, ports.API)
    assert (caught.value.port, caught.value.pid) == (port, pid)
    for text in (caught.value.text.zh, caught.value.text.en):
        assert str(pid) in text
        assert "python" in text
        assert "--port" in text


def test_the_brokers_port_has_its_own_setting(listener: tuple[int, int]) -> None:
    """Who reads it learns which variable to set."""
    with pytest.raises(PortTaken, match="LINLI_BROKER_PORT"):
        ports.require_free("127.0.0.1", listener[0], ports.BROKER)


def test_a_linli_that_runs_already_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then opening its page is most likely what was wanted."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "find_holder", lambda _port: ports.Holder(4711, "python", linli=True))
        with pytest.raises(PortTaken) as caught:
            ports.require_free("127.0.0.1", port, ports.API)
    for text in (caught.value.text.zh, caught.value.text.en):
        assert f"http://127.0.0.1:{port}" in text
        assert "--data" in text


def test_a_holder_that_may_not_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right to look, the message still says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(ports, "find_holder", lambda _port: None)
        with pytest.raises(PortTaken, match="another process") as caught:
            ports.require_free("127.0.0.1", taken.getsockname()[1], ports.API)
    assert caught.value.pid is None


def test_a_free_port_is_let_go_again() -> None:
    """Looking does not take it."""
    port = free_port()
    ports.require_free("127.0.0.1", port, ports.API)
    ports.require_free("127.0.0.1", port, ports.API)


def test_an_address_that_is_not_ours_is_a_wrong_setting() -> None:
    """Not a taken port: nobody has it."""
    with pytest.raises(ConfigError, match=r"203\.0\.113\.7"):
        ports.require_free("203.0.113.7", free_port(), ports.API)


def test_the_holder_is_found_by_port() -> None:
    """This very process, in the simplest case."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        holder = ports.find_holder(taken.getsockname()[1])
    assert holder is not None
    assert (holder.pid, holder.linli) == (os.getpid(), False)
