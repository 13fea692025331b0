"""One request after another to the API: what failed for a moment is asked again, what failed for good is an error with words."""

import random
import secrets
import threading
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
import requests

from linli.client.model import Registered
from linli.errors import ApiProblem, ApiUnreachable
from linli.i18n import Text

PREFIX = "/api/v1"
TRIES = 4
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 10.0
TIMEOUT_S = 20.0

_AGAIN = (429, 502, 503, 504)
_READS = ("GET", "HEAD")
_T = TypeVar("_T")


class Transport:
    """A connection to one server. `language` is that of the problems it tells ('zh' or 'en')."""

    def __init__(self, url: str, token: str, language: str, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._pause = threading.Event()
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment is not meant for a server of the house
        self._session.headers.update({"authorization": f"Bearer {token}", "accept-language": language})

    def get(self, path: str, kind: type[_T], query: Mapping[str, Any] | None = None) -> _T:
        """What is at `path` under /api/v1, as `kind`. ApiProblem, ApiUnreachable."""
        return self._decode(self._ask("GET", path, query=query), kind)

    def post(self, path: str, kind: type[_T], body: Mapping[str, Any]) -> _T:
        """What is answered to `body`. Done once, however often it had to be sent."""
        headers = {"idempotency-key": secrets.token_hex(16)}
        return self._decode(self._ask("POST", path, body=body, headers=headers), kind)

    def put(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Registered:
        """What is registered then. Done once, however often it had to be sent."""
        answer = self._ask("PUT", path, body=body, headers={"idempotency-key": secrets.token_hex(16)} | dict(headers))
        record: dict[str, Any] = self._decode(answer, dict)
        return Registered(etag=answer.headers.get("etag", ""), new=answer.status_code == 201, record=record)

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
                for line in answer.iter_lines(chunk_size=1):
                    yield line.decode("utf-8", "replace")
        except requests.RequestException as error:
            raise _unreachable(self.url, error) from None

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        for number in range(TRIES):
            last = number == TRIES - 1
            try:
                answer = self._session.request(
                    method, self.url + PREFIX + path, params=query, json=body, headers=headers, timeout=self._timeout_s
                )
            except requests.RequestException as error:
                if last:
                    raise _unreachable(self.url, error) from None
                self._wait(number, None)
                continue
            if answer.status_code < 400:
                return answer
            if last or answer.status_code not in _AGAIN:
                raise problem_of(answer)
            self._wait(number, answer.headers.get("retry-after"))
        raise AssertionError  # the last try has returned or raised

    def _wait(self, number: int, told: str | None) -> None:
        """As long as the server says, or some time that doubles, each by chance a little different."""
        wait = float(told) if told is not None and told.isdigit() else FIRST_WAIT_S * 2**number
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
    name = type(error).__name__
    return ApiUnreachable(
        Text(
            f"连接不上 {url}（{name}），请核对地址，并确认 Linli 正在运行",
            f"{url} cannot be reached ({name}): check the address, and whether Linli runs",
        )
    )
