"""TLS of the API's own port: the certificate that it shows, taken up anew when it is renewed, and an answer to who speaks plain HTTP.

asyncio's own TLS server closes a plain connection without a word, which looks like a fault of the network. So connections are
taken here, and looked at before anything is read from them: a first byte of 22 begins a handshake (RFC 8446, 5.1), and no
HTTP request begins with it.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from linli.errors import ConfigError
from linli.i18n import Text
from linli.settings import Settings
from linli.tls import show_certificate

HANDSHAKE_S = 10.0
"""For the first byte, and again for the handshake: who is slower is let go."""

LOOK_EVERY_S = 2.0
"""How often the certificate's files are looked at."""

_HANDSHAKE = b"\x16"
_BACKLOG = 2048
_FULL_S = 1.0
_LINGER_S = 1.0
_SAID = (
    "此端口使用 HTTPS：请把地址中的 http:// 改为 https://\n"
    "This port speaks HTTPS: write https:// instead of http:// in the address\n"
).encode()
PLAIN_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n%s"
) % (len(_SAID), _SAID)

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: with forward secrecy and authenticated encryption alone (RFC 9325, 4.2). TLS 1.3 has no others."""

_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_log = logging.getLogger(__name__)

Protocol = Callable[[], asyncio.Protocol]


def certificate_of(settings: Settings) -> tuple[Path, Path] | None:
    """The files of certificate and key, or None for an API without TLS. ConfigError if only one is set."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError(
            Text("tls_certificate 与 tls_key 须同时设置", "tls_certificate and tls_key go together: set both")
        )
    return certificate, key


def build_port(settings: Settings) -> "TlsPort | None":
    """The port as the settings have it; None without TLS. ConfigError naming what is wrong with settings or files."""
    files = certificate_of(settings)
    return None if files is None else TlsPort(*files, settings.tls_minimum)


def server_context(certificate: Path, key: Path, minimum: str = "1.2") -> ssl.SSLContext:
    """What the API speaks TLS with. ConfigError naming the file that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _MINIMUM[minimum]
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    show_certificate(context, certificate, key)
    return context


class TlsPort:
    """Takes connections on a listening socket, as a server of asyncio would, and hands those on that speak TLS.

    `fault`: why a renewed certificate is not used; None if all is well. The old one is shown meanwhile.
    """

    def __init__(self, certificate: Path, key: Path, minimum: str = "1.2") -> None:
        self._files = (certificate, key)
        self._minimum = minimum
        self._stamps = self._look()
        self._context = server_context(certificate, key, minimum)
        self._taking: set[asyncio.Task[None]] = set()
        self._running: list[asyncio.Task[None]] = []
        self.fault: Text | None = None

    def start(self, listener: socket.socket, protocol: Protocol) -> None:
        """Begin to take connections; each that speaks TLS gets a `protocol`."""
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        self._running = [
            loop.create_task(self._accept(listener, protocol), name="tls-accept"),
            loop.create_task(self._follow(), name="tls-certificate"),
        ]

    def close(self) -> None:
        """Take no more; what is established goes on."""
        for task in (*self._running, *self._taking):
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until nothing is taken any more."""
        await asyncio.gather(*self._running, *self._taking, return_exceptions=True)

    def renew(self) -> bool:
        """Take up the certificate as it is now, if its files have changed; whether it did. One that cannot be used is a fault."""
        stamps = self._look()
        if stamps == self._stamps:
            return False
        try:
            context = server_context(*self._files, self._minimum)
        except ConfigError as error:  # between the one file and the other they do not fit
            if self.fault != error.text:
                _log.error("the certificate of the API cannot be renewed, the one before goes on: %s", error)
            self.fault = error.text
            return False
        self._context, self._stamps, self.fault = context, stamps, None
        _log.info("the certificate of the API was renewed")
        return True

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(_stamp(file) for file in self._files)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.renew()

    async def _accept(self, listener: socket.socket, protocol: Protocol) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _address = await loop.sock_accept(listener)
            except OSError as error:  # out of file handles: some will be free again
                _log.error("no connection can be taken: %s", error)
                await asyncio.sleep(_FULL_S)
                continue
            taking = loop.create_task(self._take(connection, protocol), name="tls-take")
            self._taking.add(taking)
            taking.add_done_callback(self._taking.discard)

    async def _take(self, connection: socket.socket, protocol: Protocol) -> None:
        loop, handed = asyncio.get_running_loop(), False
        try:
            connection.setblocking(False)
            async with asyncio.timeout(HANDSHAKE_S):
                first = await _peek(connection)
            if first == _HANDSHAKE:
                handed = True
                await loop.connect_accepted_socket(
                    protocol, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S
                )
            elif first:
                await _refuse(connection)
        except (OSError, TimeoutError) as error:  # whoever is there did not get through: their side knows why
            _log.debug("a connection was not made: %s", error)
        finally:
            if not handed:
                connection.close()


async def _peek(connection: socket.socket) -> bytes:
    """The first byte, left where it is; b'' if there will be none."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(connection, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


async def _refuse(connection: socket.socket) -> None:
    """Say that this port speaks HTTPS. What was sent is read first, or the answer would be lost with it (RFC 9112, 9.6)."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            await loop.sock_recv(connection, 65536)
            await loop.sock_sendall(connection, PLAIN_ANSWER)
            connection.shutdown(socket.SHUT_WR)
            while await loop.sock_recv(connection, 65536):
                pass


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        stat = file.stat()
    except OSError:
        return 0, 0, 0
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
