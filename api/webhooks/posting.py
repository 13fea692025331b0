"""One POST to a receiver, over a connection of its own, with one deadline over all of it.

The name is looked up once; each address is judged (`linli.egress`) and the connection goes to the address that was judged,
while certificate and Host are those of the name: a name that is looked up again and leads elsewhere by then has no say.
Redirects are not followed. The deadline is one for looking up, connecting, TLS, sending and the answer together. (The clients
that are at hand count the time anew with each read, so a receiver that sends a byte now and then would keep them for hours.)

HTTP/1.1 by h11, which does no I/O of its own.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence

import h11

from linli.egress import Allowed, Target, why_not
from linli.webhooks import Answer

DEADLINE_S = 15.0
BODY_S = 2.0
"""For the answer's body, once its status is known: it is only shown to people."""
EXCERPT = 500
"""Characters of the answer's body that are kept."""
MOST_ADDRESSES = 4
_READ = 16 * 1024
_MOST_HEADERS = 32 * 1024

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name; OSError if it has none."""

_log = logging.getLogger(__name__)


class _Refused(Exception):
    """No address of the name may be connected to."""


async def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system has them, each once."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class Poster:
    """Sends. `allowed`: what may be reached though it is not out in the Internet; `trust`: whose certificates are believed."""

    def __init__(self, allowed: Allowed, trust: ssl.SSLContext | None = None, resolve: Resolve = look_up) -> None:
        self._allowed = allowed
        self._trust = trust or ssl.create_default_context()
        self._resolve = resolve

    async def post(
        self, target: Target, headers: Mapping[str, str], body: bytes, deadline_s: float = DEADLINE_S
    ) -> Answer:
        """The receiver's answer, or an Answer with the error; raises nothing of its own.

        Errors: 'private_address', 'not_https' (refused before a connection is made), 'no_such_name', 'timeout',
        'certificate', 'no_connection', 'not_http'.
        """
        try:
            async with asyncio.timeout(deadline_s):
                return await self._exchange(target, headers, body)
        except _Refused as refusal:
            return Answer(error=str(refusal))
        except TimeoutError:
            return Answer(error="timeout")
        except socket.gaierror:
            return Answer(error="no_such_name")
        except ssl.SSLCertVerificationError as error:
            return Answer(error="certificate", excerpt=error.verify_message[:EXCERPT])
        except (OSError, EOFError) as error:
            return Answer(
                error="no_connection", excerpt=str(error.strerror if isinstance(error, OSError) else "")[:EXCERPT]
            )
        except (h11.RemoteProtocolError, asyncio.LimitOverrunError):
            return Answer(error="not_http")

    async def _exchange(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        reader, writer = await self._connect(target)
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEADERS)
            writer.write(_request(connection, target, headers, body))
            await writer.drain()
            answer = await _response(connection, reader)
            excerpt = ""
            with contextlib.suppress(TimeoutError, OSError, EOFError, h11.RemoteProtocolError):
                async with asyncio.timeout(BODY_S):
                    excerpt = await _excerpt(connection, reader)
            return Answer(answer.status_code, excerpt=excerpt, retry_after_s=_retry_after(answer))
        finally:
            writer.transport.abort()  # no farewell that a receiver could hold up

    async def _connect(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        addresses = list(await self._resolve(target.host, target.port))[:MOST_ADDRESSES]
        refusals = {address: why_not(target, address, self._allowed) for address in addresses}
        permitted = [address for address in addresses if refusals[address] is None]
        if not permitted:
            raise _Refused(next(filter(None, refusals.values()), "no_such_name"))
        for address in permitted:
            try:
                return await asyncio.open_connection(
                    address,
                    target.port,
                    ssl=self._trust if target.tls else None,
                    server_hostname=target.host if target.tls else None,
                )
            except OSError:
                if address == permitted[-1]:
                    raise
        raise AssertionError("there is an address")


def _request(connection: h11.Connection, target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    own = [("host", target.authority), ("content-length", str(len(body))), ("connection", "close"), ("accept", "*/*")]
    request = h11.Request(method="POST", target=target.path, headers=[*own, *headers.items()])
    return b"".join(connection.send(event) or b"" for event in (request, h11.Data(data=body), h11.EndOfMessage()))


async def _response(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Response:
    silent = True
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_READ)
            if silent and not data:
                raise EOFError
            silent = False
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            return event


async def _excerpt(connection: h11.Connection, reader: asyncio.StreamReader) -> str:
    """How the body begins, with what is not to be shown left out."""
    taken = b""
    while len(taken) < EXCERPT * 4:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Data):
            taken += bytes(event.data)
        else:
            break
    text = taken.decode("utf-8", "replace")[:EXCERPT]
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _retry_after(response: h11.Response) -> int | None:
    """Seconds; a date, which the Standard allows too, is not worth its parsing here."""
    for name, value in response.headers:
        if name == b"retry-after" and value.isdigit() and len(value) < 9:
            return int(value)
    return None
