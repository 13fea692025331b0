"""One InfluxDB over HTTP, of generation 1, 2 or 3: how to ask each, and what its answers mean.

Requests go through influxdb-client's ApiClient, as prepared bytes: its own batching handles each point by itself.
"""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException

from linli.adapters import influxql
from linli.errors import StoreError, StoreRefused, StoreUnavailable
from linli.i18n import Text
from linli.retention import FOR_EVER, Retention

_REFUSALS = frozenset((400, 413, 422))
"""Bad lines or types, too much at once, older than the bucket keeps: the same again would be refused again."""

_DROPPED = re.compile(r"partial write: .* dropped=(\d+)")
"""How 1.x says that it has stored the other points of a batch. With several reasons at once it may name too few."""

_STATEMENTS = 10
"""How many go into one request, so that its address stays below the 8 KB that proxies take."""

_LONGEST_REST_S = 60.0
"""However long a server asks to be left alone, it is asked again after this."""

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
    retention: Retention = FOR_EVER

    def __repr__(self) -> str:
        return f"InfluxConfig({self.url}, bucket {self.bucket}, {self.kind})"


@dataclass(frozen=True, slots=True)
class Server:
    """What answers: its generation and its own word on its version."""

    kind: str
    version: str


class AccessDenied(StoreUnavailable):
    """A setting is wrong, or a right or the bucket is missing. Nothing is wrong with the data, so it must wait.

    `status`: 401, 403 or 404.
    """

    def __init__(self, text: Text, status: int) -> None:
        super().__init__(text)
        self.status = status


class TimedOut(StoreUnavailable):
    """No answer in time. What was asked may have been done, or may still be."""


class InfluxHttp:
    """Requests to one server. Constructing does no I/O; any thread may call.

    A server that says when to come back (Retry-After, as clouds do) is left alone until then: every call is
    StoreUnavailable at once. `monotonic` gives seconds.
    """

    def __init__(self, config: InfluxConfig, monotonic: Callable[[], float]) -> None:
        self._config = config
        self._monotonic = monotonic
        self._resting_until = 0.0
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
        """Which generation answers: the setting, else what /ping says; asked once."""
        with self._lock:
            if self._server is None:
                self._server = self._ping()
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
        """The rows that a SELECT answers, times as nanoseconds."""
        (found,) = self.query_each([text], bucket)
        return found

    def query_each(self, texts: Sequence[str], bucket: str | None = None) -> list[list[influxql.Row]]:
        """The rows of each of several SELECTs. Asked in as few requests as an address may be long; 3 takes one in each."""
        kind = self.server.kind
        at_once = 1 if kind == "influx3" else _STATEMENTS
        found: list[list[influxql.Row]] = []
        try:
            for first in range(0, len(texts), at_once):
                together = "; ".join(texts[first : first + at_once])
                found += self._results("GET", {"db": bucket or self._config.bucket, "q": together, "epoch": "ns"})
            return found
        except AccessDenied as error:
            if kind == "influx3" and error.status == 404:
                return [[] for _ in texts]  # 3 makes a database at the first write: until then there is nothing
            raise

    def ask(self, text: str, *, changing: bool = False) -> list[influxql.Row]:
        """The rows that a statement about the server itself answers, on 1.x. `changing`: it creates something."""
        found = self._results("POST" if changing else "GET", {"q": text}, b"" if changing else None)
        return found[0] if found else []

    def bucket_facts(self, name: str) -> Mapping[str, object] | None:
        """What 2.x's API says of a bucket; None if there is no such bucket, or it does not say."""
        answer, _ = self._call("GET", "/api/v2/buckets", {"org": self._config.org, "name": name})
        buckets = answer.get("buckets") if isinstance(answer, dict) else None
        facts = buckets[0] if isinstance(buckets, list) and buckets else None
        return facts if isinstance(facts, dict) else None

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

    def _results(
        self, method: str, parameters: Mapping[str, str], body: bytes | None = None
    ) -> list[list[influxql.Row]]:
        answer, _ = self._call(method, "/query", parameters, body)
        try:
            return influxql.results(answer)
        except influxql.Answered as said:
            raise _unavailable(self._config.url, str(said)) from None

    def _call(
        self, method: str, path: str, parameters: Mapping[str, str], body: bytes | None = None
    ) -> tuple[Any, Mapping[str, str]]:
        """The answer, from JSON, and its headers; any other answer as the port's errors."""
        wait = self._resting_until - self._monotonic()
        if wait > 0:
            raise _unavailable(self._config.url, f"it asked to be left alone for {wait:.0f} s more")
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
                bucket = parameters.get("bucket") or parameters.get("db") or self._config.bucket
                raise AccessDenied(self._what_to_do(error, bucket), error.status) from error
            raise self._named(error) from error
        except urllib3.exceptions.ConnectTimeoutError as error:  # with urllib3 2 also a connection that was refused
            raise _unreached(self._config, error) from error
        except urllib3.exceptions.TimeoutError as error:
            raise TimedOut(
                _unavailable(self._config.url, f"no answer within {self._config.timeout_s:g} s").text
            ) from error
        except (urllib3.exceptions.HTTPError, OSError, UnicodeDecodeError) as error:
            raise _unavailable(self._config.url, str(error)) from error
        return answer, headers

    def _named(self, error: ApiException) -> StoreError:
        said = _said(error)
        if error.status in _REFUSALS:
            return StoreRefused(
                Text(f"InfluxDB 拒绝写入（{error.status}）：{said}", f"InfluxDB refuses ({error.status}): {said}"),
                dropped=_dropped(error),
            )
        headers: Mapping[str, str] = error.headers or {}
        after = headers.get("Retry-After", "")
        if after.isascii() and after.isdecimal():
            self._resting_until = self._monotonic() + min(float(after), _LONGEST_REST_S)
        return _unavailable(self._config.url, f"{error.status}: {said}")

    def _what_to_do(self, error: ApiException, bucket: str) -> Text:
        config, said = self._config, _said(error)
        if error.status == 404:
            return Text(
                f"{config.url} 中没有 {bucket}（{said}）：请先创建它，或检查 influx_bucket、influx_org、influx_url",
                f"{config.url} has no {bucket} ({said}): create it, or check influx_bucket, influx_org, influx_url",
            )
        if error.status == 401:
            return Text(
                f"InfluxDB 不接受登录（{said}）：请检查 influx_token（1.x 还有 influx_username）",
                f"InfluxDB does not accept the sign-in ({said}): check influx_token (on 1.x influx_username too)",
            )
        return Text(
            f"InfluxDB 不允许读写 {bucket}（{said}）：请给 influx_token 对它的读写权限",
            f"InfluxDB does not allow to read and write {bucket} ({said}): give influx_token both rights on it",
        )


def _dropped(error: ApiException) -> int | None:
    """How many points of a batch are not stored while the others are; None if the answer does not say so."""
    body = str(error.body or "")
    match = _DROPPED.search(body)
    if match is not None:
        return int(match[1])
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    lines = document.get("data") if isinstance(document, dict) else None  # 3 tells of each line that it did not take
    return len(lines) if isinstance(lines, list) and lines else None


def _said(error: ApiException) -> str:
    """The server's own words, short, on one line."""
    headers: Mapping[str, str] = error.headers or {}
    words = headers.get("X-Influxdb-Error") or error.body or error.reason or ""
    return " ".join(str(words).split())[:300]


def _unreached(config: InfluxConfig, error: urllib3.exceptions.ConnectTimeoutError) -> StoreUnavailable:
    """There was no connection, so nothing was asked."""
    url = config.url
    if isinstance(error.__cause__, ConnectionRefusedError):
        return StoreUnavailable(
            Text(
                f"InfluxDB（{url}）没有运行：那里没有程序在监听（连接被拒绝）。请启动 InfluxDB，或检查 influx_url",
                f"InfluxDB at {url} does not run: nothing listens there (connection refused). Start InfluxDB, or check "
                "influx_url",
            )
        )
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return StoreUnavailable(
            Text(
                f"InfluxDB（{url}）：找不到这个主机名。请检查 influx_url 与本机的 DNS",
                f"InfluxDB at {url}: there is no host of that name. Check influx_url, and this machine's DNS",
            )
        )
    cause = error.__cause__
    said = cause.strerror if isinstance(cause, OSError) and cause.strerror else f"{config.timeout_s:g} s"
    return StoreUnavailable(
        Text(
            f"InfluxDB（{url}）连接不上（{said}）。请检查它的主机是否在运行、网络与防火墙，以及 influx_url",
            f"InfluxDB at {url}: no connection ({said}). Check that its host runs, network and firewalls, and influx_url",
        )
    )


def _unavailable(url: str, said: str) -> StoreUnavailable:
    return StoreUnavailable(
        Text(
            f"InfluxDB（{url}）没有正常应答：{said}。请检查它是否在运行，以及 influx_url",
            f"InfluxDB at {url} does not answer as it should: {said}. Check that it runs, and influx_url",
        )
    )
