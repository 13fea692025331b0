"""What the store holds, row by row, read without the code that wrote it."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from linli.adapters.influx_buckets import bucket_names
from linli.ports import RowClass
from tests.faults.plan import EVENT_TYPE, Observation, number_of

_EVENTS = """
    SELECT l.gateway, l.bootid, l.lane, e.sequence, e.device, e.type, e.time, e.data, e.received_at
    FROM events e JOIN lanes l ON l.id = e.lane
"""
_READINGS = "SELECT s.device, r.time, r.value FROM readings r JOIN series s ON s.id = r.series"
OF_THE_GATEWAY = "linli."
"""What agents send on their own behalf has a type that begins like this."""


@dataclass(slots=True)
class Stored:
    """`rows`: how many rows there are of each observation. `events`: how many events of each device that are not too old
    to be judged. `own`: how many events of their own each gateway has sent. `strange`: rows that nobody can have sent."""

    rows: Counter[Observation]
    events: Counter[str]
    own: Counter[str]
    strange: list[str]


def read_sqlite(file: Path, judged_after: int) -> Stored:
    """Everything in the SQLite file. `judged_after`: microseconds by which an event may be older than its receipt."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=15)
    try:
        events = (
            (gateway, device, kind, json.loads(data), received - time)
            for gateway, _, _, _, device, kind, time, data, received in connection.execute(_EVENTS)
        )
        return _sorted(events, ((device, value) for device, _, value in connection.execute(_READINGS)), judged_after)
    finally:
        connection.close()


def read_influx(url: str, bucket: str, judged_after: int) -> Stored:
    """Everything in the InfluxDB 1.x."""
    names = bucket_names(bucket)
    with urllib3.PoolManager() as pool:
        events = (
            (
                row["gateway"],
                row["device"],
                row["type"],
                json.loads(row["data"]),
                int(row["received"]) - row["time"] // 1000,
            )
            for row in _influx_rows(pool, url, names[RowClass.EVENTS], "SELECT * FROM events")
        )
        readings = (
            (row["device"], float(row["value"]))
            for row in _influx_rows(pool, url, names[RowClass.RAW], "SELECT * FROM readings")
        )
        return _sorted(events, readings, judged_after)


def _influx_rows(pool: urllib3.PoolManager, url: str, bucket: str, query: str) -> Iterator[dict[str, Any]]:
    fields = {"db": bucket, "q": query, "epoch": "ns", "chunked": "true", "chunk_size": "10000"}
    answer = pool.request("GET", url + "/query", fields=fields, timeout=60)
    for line in answer.data.splitlines():
        for result in json.loads(line).get("results", []):
            if "error" in result:
                raise AssertionError(f"{query}: {result['error']}")
            for series in result.get("series", []):
                for values in series["values"]:
                    yield dict(zip(series["columns"], values, strict=True))


def _sorted(
    events: Iterator[tuple[str, str, str, dict[str, Any], int]],
    readings: Iterator[tuple[str, float]],
    judged_after: int,
) -> Stored:
    stored = Stored(Counter(), Counter(), Counter(), [])
    for gateway, device, kind, data, age in events:
        if kind.startswith(OF_THE_GATEWAY):
            stored.own[gateway] += 1
        elif kind != EVENT_TYPE or not device.startswith(gateway) or not isinstance(data.get("n"), int):
            stored.strange.append(f"event {kind} of {device} through {gateway}: {data}")
        else:
            stored.rows[Observation(gateway, data["n"], 0, False)] += 1
            stored.events[device] += age <= judged_after
    for device, value in readings:
        gateway, found, last = device.partition("-meter-")
        number, place = number_of(value)
        if not found or place != int(last):
            stored.strange.append(f"reading {value} of {device}")
        else:
            stored.rows[Observation(gateway, number, place, True)] += 1
    return stored
