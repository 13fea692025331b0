"""One InfluxDB over HTTP, of generation 1, 2 or 3: how to ask each, and what its answers mean.

Requests go through influxdb-client's ApiClient, as prepared bytes: its own batching handles each point by itself.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException

from linli.adapters import influxql
from linli.errors import StoreError, StoreRefused, StoreUnavailable
from linli.i18n import Text

_REFUSALS = frozenset((400, 413, 422))
"""Bad lines or types, too much at once, older than the bucket keeps: the same again would be refused again."""

_LINES = {"Content-Type": "text/plain; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class InfluxConfig:
    """As the settings have it. `kind`: auto, influx1, influx2 or influx3."""

    url: str
    bucket: str
    kind: str = "auto"
    token: str | None = None
    username: str | None = None
    org: str = ""
    timeout_s: float = 10.0

    def __repr__(self) -> str:
        return f"InfluxConfig({self.url}, bucket {self.bucket}, {self.kind})"


@dataclass(frozen=True, slots=True)
class Server:
    """What answers: its generation and its own word on its version."""

    kind: str
    version: str


class AccessDenied(StoreUnavailable):
    """A setting is wrong, or a right or the bucket is missing. Nothing is wrong with the data, so it must wait."""


class InfluxHttp:
    """Requests to one server. Constructing does no I/O; any thread may call."""

    def __init__(self, config: InfluxConfig) -> None:
        self._config = config
        basic = config.username is not None
        credentials = f"{config.username}:{config.token or ''}" if basic else config.token
        self._client: Any = InfluxDBClient(
            url=config.url,
            token=credentials or "",
            org=config.org,
            timeout=round(config.timeout_s * 1000),
            auth_basic=basic,
        )
        self._lock = threading.Lock()
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """Which generation answers: the setting, else what /ping says. On 1.x its database is made when missing."""
        with self._lock:
            if self._server is None:
                server = self._ping()
                if server.kind == "influx1":
                    self._create_database()
                self._server = server
            return self._server

    def write(self, lines: bytes, bucket: str | None = None) -> None:
        """Write lines with nanosecond timestamps, into the bucket of the settings if no other is named.

        What is refused is StoreRefused with the server's reason."""
        if self.server.kind == "influx1":
            self._call("POST", "/write", {"db": bucket or self._config.bucket, "precision": "ns"}, lines)
            return
        parameters = {"bucket": bucket or self._config.bucket, "precision": "ns"}
        if self.server.kind == "influx2":
            parameters["org"] = self._config.org
        self._call("POST", "/api/v2/write", parameters, lines)

    def query(self, text: str, bucket: str | None = None) -> list[influxql.Row]:
        """The rows that a SELECT, or several in a row, answer; times as nanoseconds."""
        kind = self.server.kind
        try:
            answer, _ = self._call("GET", "/query", {"db": bucket or self._config.bucket, "q": text, "epoch": "ns"})
            return list(influxql.rows(answer))
        except influxql.Answered as said:
            raise _unavailable(self._config.url, str(said)) from None
        except AccessDenied as error:
            if kind == "influx3" and isinstance(error.__cause__, ApiException) and error.__cause__.status == 404:
                return []  # 3 makes a database at the first write: until then there is nothing
            raise

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ping(self) -> Server:
        answer, headers = self._call("GET", "/ping", {})
        told = {key.lower(): value for key, value in headers.items()}
        version = told.get("x-influxdb-version", "")
        if not version and isinstance(answer, dict):
            version = str(answer.get("version", ""))
        if self._config.kind != "auto":
            return Server(self._config.kind, version)
        generation = version.lstrip("v").partition(".")[0]
        if generation in ("1", "2", "3"):
            return Server(f"influx{generation}", version)
        raise StoreUnavailable(
            Text(
                f"{self._config.url} 没有说明自己是哪个版本的 InfluxDB（{version!r}）：请设置 influx_kind",
                f"{self._config.url} does not say which InfluxDB it is ({version!r}): set influx_kind",
            )
        )

    def _create_database(self) -> None:
        """Does nothing if it is there. A user without the right to make one may still write to one that is."""
        query = f"CREATE DATABASE {influxql.name(self._config.bucket)}"
        try:
            answer, _ = self._call("POST", "/query", {"q": query}, b"")
        except AccessDenied:
            return
        try:
            list(influxql.rows(answer))
        except influxql.Answered as said:
            raise _unavailable(self._config.url, str(said)) from None

    def _call(
        self, method: str, path: str, parameters: Mapping[str, str], body: bytes | None = None
    ) -> tuple[Any, Mapping[str, str]]:
        """The answer, from JSON, and its headers; any other answer as the port's errors."""
        try:
            answer, _status, headers = self._client.api_client.call_api(
                path,
                method,
                query_params=list(parameters.items()),
                header_params=dict(_LINES) if body is not None else {},
                body=body,
                response_type="object",
            )
        except ApiException as error:
            if error.status in (401, 403, 404):
                raise AccessDenied(self._what_to_do(error)) from error
            raise self._named(error) from error
        except (urllib3.exceptions.HTTPError, OSError, UnicodeDecodeError) as error:
            raise _unavailable(self._config.url, str(error)) from error
        return answer, headers

    def _named(self, error: ApiException) -> StoreError:
        said = _said(error)
        if error.status in _REFUSALS:
            return StoreRefused(
                Text(f"InfluxDB 拒绝写入（{error.status}）：{said}", f"InfluxDB refuses ({error.status}): {said}")
            )
        return _unavailable(self._config.url, f"{error.status}: {said}")

    def _what_to_do(self, error: ApiException) -> Text:
        config, said = self._config, _said(error)
        if error.status == 404:
            return Text(
                f"{config.url} 中没有 {config.bucket}（{said}）：请先创建它，或检查 influx_bucket、influx_org、influx_url",
                f"{config.url} has no {config.bucket} ({said}): create it, or check influx_bucket, influx_org, influx_url",
            )
        if error.status == 401:
            return Text(
                f"InfluxDB 不接受登录（{said}）：请检查 influx_token（1.x 还有 influx_username）",
                f"InfluxDB does not accept the sign-in ({said}): check influx_token (on 1.x influx_username too)",
            )
        return Text(
            f"InfluxDB 不允许读写 {config.bucket}（{said}）：请给 influx_token 对它的读写权限",
            f"InfluxDB does not allow to read and write {config.bucket} ({said}): give influx_token both rights on it",
        )


def _said(error: ApiException) -> str:
    """The server's own words, short, on one line."""
    headers: Mapping[str, str] = error.headers or {}
    words = headers.get("X-Influxdb-Error") or error.body or error.reason or ""
    return " ".join(str(words).split())[:300]


def _unavailable(url: str, said: str) -> StoreUnavailable:
    return StoreUnavailable(
        Text(
            f"InfluxDB（{url}）没有正常应答：{said}。请检查它是否在运行，以及 influx_url",
            f"InfluxDB at {url} does not answer as it should: {said}. Check that it runs, and influx_url",
        )
    )
