"""The buckets (databases) in an InfluxDB: what each is called, made where that is allowed, and checked at start.

Rows of each class have a bucket of their own, for retention is a bucket's. Raw readings, positions, tallies and marks lie in
the one that the settings name; events, 1 min and 1 h rollups in neighbours of it. What Linli makes has the retention of the
settings. What was there before is never changed, for others' data may lie in it: it is compared, and a person is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from linli.adapters import influxql
from linli.adapters.influx_http import AccessDenied, InfluxConfig, InfluxHttp
from linli.clock import DAY, HOUR, SECOND
from linli.errors import StoreRefused, StoreUnavailable
from linli.i18n import Text
from linli.ports import RowClass

SUFFIXES = {RowClass.RAW: "", RowClass.EVENTS: "_events", RowClass.MINUTE: "_1m", RowClass.HOUR: "_1h"}
"""Behind the name that the settings give."""

_SETTINGS = {
    RowClass.RAW: "retention_raw_days",
    RowClass.EVENTS: "retention_events_days",
    RowClass.MINUTE: "retention_minute_days",
    RowClass.HOUR: "retention_hour_days",
}
_CHECKED = "linli_checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One bucket as it is: `kept` in seconds, 0 for ever; None if the server does not say."""

    rows: RowClass
    name: str
    kept: int | None


def bucket_names(bucket: str) -> dict[RowClass, str]:
    """What the bucket of each class is called."""
    return {rows: bucket + suffix for rows, suffix in SUFFIXES.items()}


class Buckets:
    """Those of one store."""

    def __init__(self, http: InfluxHttp, config: InfluxConfig) -> None:
        self._http = http
        self._config = config

    def make_missing(self) -> None:
        """On 1.x make the databases that are not there. A user without that right may still write to those that are."""
        names = bucket_names(self._config.bucket)
        try:
            there = {row["name"] for row in self._http.ask("SHOW DATABASES")}
            for rows, name in names.items():
                if name not in there:
                    self._http.ask(_create_1(name, self._config.retention.days(rows)), changing=True)
        except AccessDenied:
            return

    def check(self, now: int) -> list[Text]:
        """Write to each bucket and compare its retention: remarks for people. StoreRefused, with what to do, if one is
        missing, may not be written, or keeps less than the settings ask."""
        remarks = []
        for rows, name in bucket_names(self._config.bucket).items():
            try:
                self._http.write(f"{_CHECKED} by=1i {now // HOUR * HOUR}000".encode(), name)
            except AccessDenied as error:
                raise StoreRefused(self._missing(rows, name, error)) from error
            remark = self._compare(Finding(rows, name, self._kept(name)))
            if remark is not None:
                remarks.append(remark)
        return remarks

    def _kept(self, name: str) -> int | None:
        try:
            if self._http.server.kind == "influx1":
                rows = self._http.ask(f"SHOW RETENTION POLICIES ON {influxql.name(name)}")
                return next((duration_s(row["duration"]) for row in rows if row["default"]), None)
            if self._http.server.kind == "influx2":
                return _kept_2(self._http.bucket_facts(name))
        except (AccessDenied, StoreUnavailable):  # listing takes a right that reading and writing do not
            return None
        return None

    def _compare(self, found: Finding) -> Text | None:
        days, setting = self._config.retention.days(found.rows), _SETTINGS[found.rows]
        if found.kept is None:
            return Text(
                f"无法得知 {found.name} 的保存期限，请确认它不短于 {setting}",
                f"how long {found.name} keeps rows cannot be read; see that it is not shorter than {setting}",
            )
        wanted = days * DAY // SECOND
        if found.kept and (wanted == 0 or found.kept < wanted):
            raise StoreRefused(
                Text(
                    f"{found.name} 只保存 {found.kept / 86400:g} 天，短于 {setting} 的 {_days(days).zh}："
                    f"请运行 {self._alter(found.name, days)}，或改小 {setting}",
                    f"{found.name} keeps rows for {found.kept / 86400:g} days, less than the {_days(days).en} of"
                    f" {setting}: run {self._alter(found.name, days)}, or set {setting} lower",
                )
            )
        if wanted and (found.kept == 0 or found.kept > wanted + DAY // SECOND):
            return Text(
                f"{found.name} 的保存期限长于 {setting} 的 {_days(days).zh}；要缩短请运行 {self._alter(found.name, days)}",
                f"{found.name} keeps rows longer than the {_days(days).en} of {setting}; to shorten it, run"
                f" {self._alter(found.name, days)}",
            )
        return None

    def _missing(self, rows: RowClass, name: str, error: AccessDenied) -> Text:
        if error.status != 404:
            return error.text
        days = self._config.retention.days(rows)
        if self._http.server.kind == "influx1":
            how = _create_1(name, days)
        elif self._http.server.kind == "influx2":
            how = f"influx bucket create --org {self._config.org} --name {name} --retention {days * 24}h"
        else:
            how = f"influxdb3 create database {name}" + (f" --retention-period {days}d" if days else "")
        return Text(
            f"{self._config.url} 中没有 {name}：请运行 {how}，或检查 influx_bucket、influx_org、influx_url",
            f"{self._config.url} has no {name}: run {how}, or check influx_bucket, influx_org, influx_url",
        )

    def _alter(self, name: str, days: int) -> str:
        if self._http.server.kind == "influx1":
            duration = f"{days}d" if days else "INF"
            return f'ALTER RETENTION POLICY "autogen" ON {influxql.name(name)} DURATION {duration}'
        return f"influx bucket update --id $(influx bucket list --name {name} --hide-headers | cut -f1) --retention {days * 24}h"


def duration_s(text: str) -> int:
    """Seconds of a duration as 1.x writes it: '960h0m0s'; '0s' is for ever. ValueError for anything else."""
    total, number = 0, ""
    for char in text:
        if char.isdigit():
            number += char
        else:
            total += int(number) * {"h": 3600, "m": 60, "s": 1}[char]
            number = ""
    return total


def _kept_2(facts: Mapping[str, object] | None) -> int | None:
    if facts is None:
        return None
    rules = facts.get("retentionRules")
    if not isinstance(rules, list):
        return None
    return next((int(rule.get("everySeconds", 0)) for rule in rules if rule.get("type", "expire") == "expire"), 0)


def _create_1(name: str, days: int) -> str:
    kept = f' WITH DURATION {days}d NAME "autogen"' if days else ""
    return f"CREATE DATABASE {influxql.name(name)}{kept}"


def _days(days: int) -> Text:
    return Text(f"{days} 天", f"{days} days") if days else Text("永久", "for ever")
