"""The parts of the harness that others rely on: the reader of line protocol, the proxies, a disk that fills up."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
import urllib3

from tests.faults.disks import SmallDisk
from tests.faults.lines import BadLine, Line, parse
from tests.faults.proxies import Link, Mood, StoreProxy, TcpProxy, is_marked
from tests.support import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


def test_line_protocol_as_its_specification_has_it() -> None:
    """Escaped spaces, commas and equals signs, strings with line feeds and quotes, each kind of value."""
    text = (
        "weather,location=us-midwest temperature=82 1465839830100400200\n"
        'a\\ b,k\\,1=v\\=1,a=x s="say \\"hi\\"\nand, \\\\go",i=-3i,t=true,f=F,e=1.5e-7 -1'
    )
    assert parse(text) == [
        Line("weather", (("location", "us-midwest"),), {"temperature": 82.0}, 1465839830100400200),
        Line(
            "a b",
            (("a", "x"), ("k,1", "v=1")),
            {"s": 'say "hi"\nand, \\go', "i": -3, "t": True, "f": False, "e": 1.5e-7},
            -1,
        ),
    ]


@pytest.mark.parametrize(
    "text", ["a b=1", "a b= 1", "a b=x 1", 'a b="x 1', "a,b=1,b=2 c=1 1", "a b=1 1.5", ",a=1 b=1 1"]
)
def test_what_is_no_line_protocol(text: str) -> None:
    """No time, no value, an unquoted string, one without an end, a tag given twice, no measurement."""
    with pytest.raises(BadLine):
        parse(text)


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    """A server that a test talks to by hand."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


@pytest.fixture
def proxy(echo: socket.socket) -> Iterator[TcpProxy]:
    """Tries a port where nobody listens first."""
    proxy = TcpProxy([free_port(), echo.getsockname()[1]])
    proxy.start()
    yield proxy
    proxy.stop()


def dialled(proxy: TcpProxy, server: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    other, _ = server.accept()
    other.settimeout(5)
    return client, other


def test_a_proxy_passes_stalls_and_cuts(proxy: TcpProxy, echo: socket.socket) -> None:
    """What is sent while it stands still comes afterwards; a cut ends the connection at both ends."""
    client, server = dialled(proxy, echo)
    client.sendall(b"one")
    assert server.recv(10) == b"one"
    proxy.set(Link.STALLED)
    client.sendall(b"two")
    server.settimeout(0.2)
    with pytest.raises(TimeoutError):
        server.recv(10)
    proxy.set(Link.UP)
    server.settimeout(5)
    assert server.recv(10) == b"two"
    proxy.set(Link.CUT)
    assert (server.recv(10), client.recv(10)) == (b"", b"")
    proxy.set(Link.UP)
    again, other = dialled(proxy, echo)
    other.sendall(b"back")
    assert again.recv(10) == b"back"
    for one in (client, server, again, other):
        one.close()


def test_a_narrow_line(proxy: TcpProxy, echo: socket.socket) -> None:
    """50,000 bytes at 100,000 a second take half a second; the other direction is not held up."""
    proxy.throttle(100_000)
    client, server = dialled(proxy, echo)
    began = monotonic()
    client.sendall(bytes(50_000))
    server.sendall(b"quick")
    assert client.recv(10) == b"quick"
    assert monotonic() - began < 0.3
    got = 0
    while got < 50_000:
        got += len(server.recv(65536))
    assert 0.4 < monotonic() - began < 3
    client.close()
    server.close()


def test_a_store_that_fails(echo: socket.socket) -> None:
    """Refusing is 503, down is no answer; nothing of it reaches the store behind."""
    store = StoreProxy(f"http://127.0.0.1:{echo.getsockname()[1]}", slow_s=0.1)
    store.start()
    try:
        with urllib3.PoolManager(retries=False) as pool:
            store.mood = Mood.REFUSING
            assert pool.request("POST", store.url + "/write", body=b"a b=1 1").status == 503
            store.mood = Mood.DOWN
            with pytest.raises(urllib3.exceptions.HTTPError):
                pool.request("POST", store.url + "/write", body=b"a b=1 1")
    finally:
        store.stop()
    echo.settimeout(0.1)
    with pytest.raises(TimeoutError):
        echo.accept()


def test_which_lines_a_store_refuses_in_part() -> None:
    """By the number in an event's data."""
    assert is_marked(b'events,device=d data="{\\"n\\":80}",gateway="g" 1')
    assert not is_marked(b'events,device=d data="{\\"n\\":81}",gateway="g" 1')
    assert not is_marked(b"readings,device=d value=80 1")


def test_a_disk_is_full_until_it_is_freed(tmp_path: Path) -> None:
    """Nothing more can be written, by a disk of its own or by a limit of file sizes; then it can."""
    disk = SmallDisk(tmp_path / "disk", 1)
    disk.open()
    try:
        disk.fill([os.getpid()])
        with pytest.raises(OSError) as caught, (tmp_path / "disk" / "file").open("wb", buffering=0) as file:
            file.write(bytes(200_000))
            file.write(bytes(1))
        assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
        disk.free()
        assert (tmp_path / "disk" / "file").write_bytes(bytes(200_000)) == 200_000
    finally:
        disk.free()
        disk.close()
