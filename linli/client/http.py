"""One request after another to the API: what failed for a moment is asked again, what failed for good is an error with words."""

import os
import random
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import requests

from linli.errors import ApiProblem, ApiUnreachable
from linli.i18n import Text

PREFIX = "/api/v1"
TRIES = 4
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 10.0
UNDER_WAY = 45
"""How often it is asked, a second apart, what became of a change that the server says is under way: after a kill for 30 s."""
TIMEOUT_S = 20.0

BUSY = (429, 502, 503, 504)
"""What a server, or the proxy before it, says that will answer in a while."""
OWN_CA = "SSL_CERT_FILE"
_UNDER_WAY = "urn:linli:problem:idempotency-key-under-way"
_READS = ("GET", "HEAD")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sent(Generic[_T]):
    """What a change was answered: its content, the status, and the ETag that it has now ('' if it has none)."""

    content: _T
    status: int
    etag: str


class Transport:
    """A connection to one server. `language` is that of the problems it tells ('zh' or 'en'). It is given `timeout_s` to answer,
    and what fails for a moment is tried `tries` times. A CA of one's own is believed by SSL_CERT_FILE."""

    def __init__(self, url: str, token: str, language: str, timeout_s: float = TIMEOUT_S, tries: int = TRIES) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._tries = tries
        self._pause = threading.Event()
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment is not meant for a server of the house
        self._session.verify = os.environ.get(OWN_CA) or True
        self._session.headers.update({"authorization": f"Bearer {token}", "accept-language": language})

    def get(self, path: str, kind: type[_T], query: Mapping[str, Any] | None = None) -> _T:
        """What is at `path` under /api/v1, as `kind`. ApiProblem, ApiUnreachable."""
        return self._decode(self._ask("GET", path, query=query), kind)

    def read(self, path: str, kind: type[_T]) -> tuple[_T, str]:
        """What is at `path`, as `kind`, and its ETag, which a change of it names."""
        answer = self._ask("GET", path)
        return self._decode(answer, kind), answer.headers.get("etag", "")

    def post(self, path: str, kind: type[_T], body: Mapping[str, Any] | None = None) -> _T:
        """What is answered to `body`. Done once, however often it had to be sent."""
        return self.send("POST", path, kind, body).content

    def send(
        self,
        method: str,
        path: str,
        kind: type[_T],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "Sent[_T]":
        """What became of a change. Done once, however often it had to be sent."""
        answer = self._change(method, path, body, headers)
        return Sent(self._decode(answer, kind), answer.status_code, answer.headers.get("etag", ""))

    def delete(self, path: str) -> None:
        """Away with what is at `path`. Done once, however often it had to be sent."""
        self._change("DELETE", path, None, None)

    def lines(self, path: str, headers: Mapping[str, str], query: Mapping[str, str] | None = None) -> Iterator[str]:
        """The lines of a stream, as they come, until it ends. A silence of a minute is an end: the server beats each 15 s."""
        try:
            with self._session.get(
                self.url + PREFIX + path,
                params=query,
                headers=dict(headers),
                stream=True,
                timeout=(self._timeout_s, 60),
            ) as answer:
                if answer.status_code != 200:
                    raise problem_of(answer)
                as_it_comes = None if getattr(answer.raw, "chunked", False) else 1
                for line in answer.iter_lines(chunk_size=as_it_comes):  # type: ignore[arg-type]  # the stub forgets None
                    yield line.decode("utf-8", "replace")
        except requests.RequestException as error:
            raise _unreachable(self.url, error) from None

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def _change(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None
    ) -> requests.Response:
        key = {"idempotency-key": secrets.token_hex(16)}
        return self._ask(method, path, body=body, headers=key | dict(headers or {}))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        for number in range(self._tries):
            last = number == self._tries - 1
            try:
                answer = self._settled(method, path, query, body, headers)
            except requests.RequestException as error:
                if last:
                    raise _unreachable(self.url, error) from None
                self._wait(number, None)
                continue
            if answer.status_code < 400:
                return answer
            if last or answer.status_code not in BUSY:
                raise problem_of(answer)
            self._wait(number, answer.headers.get("retry-after"))
        raise AssertionError  # the last try has returned or raised

    def _settled(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> requests.Response:
        """The answer; of a change that was sent before and is being carried out still, once it is."""
        for _ in range(UNDER_WAY):
            answer = self._session.request(
                method, self.url + PREFIX + path, params=query, json=body, headers=headers, timeout=self._timeout_s
            )
            if answer.status_code != 409 or problem_of(answer).type != _UNDER_WAY:
                break
            self._wait(0, answer.headers.get("retry-after"))
        return answer

    def _wait(self, number: int, told: str | None) -> None:
        """As long as the server says, or some time that doubles, each by chance a little different."""
        wait = float(told) if told is not None and told.isdecimal() else FIRST_WAIT_S * 2**number
        self._pause.wait(min(LONGEST_WAIT_S, wait) * random.uniform(1, 1.25))

    def _decode(self, answer: requests.Response, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except msgspec.MsgspecError as error:
            raise ApiUnreachable(
                Text(
                    f"{self.url} 的回答不是 Linli 接口的格式（{error}），请核对地址",
                    f"{self.url} does not answer as Linli's API does ({error}): check the address",
                )
            ) from None


def problem_of(answer: requests.Response) -> ApiProblem:
    """What the server says is wrong, by its problem document; by the status alone if it has none."""
    try:
        document = answer.json()
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    status = answer.status_code
    detail = str(document.get("detail") or f"HTTP {status}")
    action = str(document.get("action") or "")
    said = f"{detail}; {action}" if action else detail
    return ApiProblem(Text(said, said), status=status, type=str(document.get("type", "")), document=document)


def _unreachable(url: str, error: Exception) -> ApiUnreachable:
    if isinstance(error, requests.exceptions.SSLError):
        return ApiUnreachable(
            Text(
                f"不信任 {url} 的证书；自建 CA 请用环境变量 {OWN_CA} 指明其证书文件",
                f"the certificate of {url} is not believed; for a CA of your own name its file in {OWN_CA}",
            )
        )
    name = type(error).__name__
    return ApiUnreachable(
        Text(
            f"连接不上 {url}（{name}），请核对地址，并确认 Linli 正在运行",
            f"{url} cannot be reached ({name}): check the address, and whether Linli runs",
        )
    )
