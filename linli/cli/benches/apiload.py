"""Asks an API the same thing so many times a second, and says how long each answer took: a process of the bench 'api'.

Requests are sent when they are due, whether or not earlier ones are answered (an open loop), and time counts from when one was
due: a server that stalls is not spared the requests that it held up.
"""

import asyncio
import sys
from time import perf_counter

from linli.cli.benches.job import read_job, tell

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class _Asker:
    def __init__(self, host: str, port: int, path: str, headers: dict[str, str]) -> None:
        self._host = host
        self._port = port
        lines = [
            f"GET {path} HTTP/1.1",
            f"host: {host}:{port}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._request = ("\r\n".join(lines)).encode() + _HEAD_END
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.took: list[float] = []
        self.failed: list[str] = []
        self.size = 0

    async def ask(self, due: float) -> None:
        """Once; an answer that is not 200 is a failure."""
        reader, writer, head = await self._send()
        head = head.lower()
        length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        self.took.append(perf_counter() - due)
        self._idle.append((reader, writer))
        self.size = length
        status = head.split(b" ", 2)[1]
        if status != b"200":
            self.failed.append(f"{status.decode()} {body[:200]!r}")

    async def _send(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """The connection and the head of its answer. One that the server let go while it was idle is replaced (RFC 9112, 9.3.1)."""
        while self._idle:
            reader, writer = self._idle.pop()
            try:
                writer.write(self._request)
                return reader, writer, await reader.readuntil(_HEAD_END)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                if getattr(error, "partial", b""):
                    raise
                writer.close()
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=1 << 20)
        writer.write(self._request)
        return reader, writer, await reader.readuntil(_HEAD_END)

    async def run(self, rate: float, seconds: float) -> None:
        """`rate` requests a second for so long."""
        began, asked = perf_counter(), []
        for number in range(round(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - perf_counter()))
            asked.append(asyncio.create_task(self.ask(due)))
        await asyncio.gather(*asked)


async def _measure(job: dict[str, object]) -> None:
    headers = {str(name): str(value) for name, value in dict(job["headers"]).items()}  # type: ignore[call-overload]
    asker = _Asker(str(job["host"]), int(str(job["port"])), str(job["path"]), headers)
    rate, warm, seconds = (float(str(job[name])) for name in ("rate", "warm_s", "seconds"))
    await asker.run(rate, warm)
    asker.took.clear()
    tell({"measuring": True})
    await asker.run(rate, seconds)
    tell({"took": asker.took, "failed": asker.failed[:3], "size": asker.size})


def main() -> int:
    """Do the job."""
    asyncio.run(_measure(read_job()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
