"""Listens on many live streams at once, and says when each alert came to the last of them: a process of the bench 'api'."""

import asyncio
import sys

import orjson

from linli.cli.benches.job import read_job, tell
from linli.clock import SystemClock

_DATA = b"data: "


class _Crowd:
    """What so many streams have heard: of each alert by how many, and when last (microseconds since 1970 UTC)."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heard: dict[str, int] = {}
        self._clock = SystemClock()
        self.ready = 0

    def hear(self, line: bytes) -> None:
        """A line of some stream."""
        if line == b"event: ready\n":
            self.ready += 1
            if self.ready == self._count:
                tell({"ready": self.ready})
        elif line.startswith(_DATA) and len(line) > len(_DATA) + 5:
            alert = orjson.loads(line[len(_DATA) :])["alert"]["id"]
            self._heard[alert] = self._heard.get(alert, 0) + 1
            if self._heard[alert] == self._count:
                tell({"alert": alert, "at": self._clock.now()})


async def _listen(crowd: _Crowd, host: str, port: int, token: str) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    request = f"GET /api/v1/stream HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {token}\r\n\r\n"
    writer.write(request.encode())
    while line := await reader.readline():
        crowd.hear(line)


async def _run(job: dict[str, object]) -> None:
    count = int(str(job["count"]))
    crowd = _Crowd(count)
    host, port, token = str(job["host"]), int(str(job["port"])), str(job["token"])
    await asyncio.gather(*(_listen(crowd, host, port, token) for _ in range(count)))


def main() -> int:
    """Listen until the bench ends it."""
    asyncio.run(_run(read_job()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
