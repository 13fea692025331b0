"""The exchange of a one-time code for a gateway's credentials, over HTTP, and in words whatever keeps it from happening."""

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from linli import __version__
from linli.enrolment import REASONS, read_code
from linli.errors import LinliError
from linli.i18n import Text, shell_language
from linli.ids import is_id
from linli.tls import client_context, explain

REDEEM_PATH = "/api/v1/enrolments/redeem"
_TIMEOUT_S = 15.0
_TRIES = 3
_MAX_ANSWER = 512 * 1024


class EnrolError(LinliError):
    """The agent was not enrolled; the text says why and what to do. `reason`: the server's stable code, if it gave one."""

    def __init__(self, text: Text, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason


class GivenBroker(msgspec.Struct, frozen=True):
    """Where to reach the broker and as whom; the fields are those of the API's `BrokerBody`."""

    port: int
    tls: bool
    host: str | None = None
    client_certificate: bool = False
    ca: str | None = None
    username: str | None = None
    password: str | None = None


class Credentials(msgspec.Struct, frozen=True):
    """What the server gives for a code. A newer server may say more."""

    community: str
    gateway: str
    broker: GivenBroker
    at: int
    qos: int = 0


@dataclass(frozen=True, slots=True)
class Server:
    """The address of Linli's page."""

    https: bool
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.https else 80)
        return f"{'https' if self.https else 'http'}://{host}{'' if usual else f':{self.port}'}"


def read_server(written: str, *, allow_http: bool) -> Server:
    """The server at an address that somebody typed. EnrolError for no address, and for http:// beyond this machine."""
    try:
        parts = urlsplit(written if "://" in written else f"https://{written}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.netloc.endswith(":"):
        raise EnrolError(
            Text(
                f"“{written:.100}”不是服务器地址，例如 https://linli.example:8480",
                f"{written!r:.100} is not a server's address; for example https://linli.example:8480",
            )
        )
    https = parts.scheme == "https"
    if not https and not allow_http and not _is_here(host):
        raise EnrolError(
            Text(
                "http:// 会以明文传输网关的密码：请用 https://；只在可信网络或隧道（VPN、SSH）中才可加 --allow-http",
                "http:// would send the gateway's password in clear: use https://, or, on a trusted network or within a "
                "tunnel (VPN, SSH) only, add --allow-http",
            )
        )
    return Server(https, host, port or (443 if https else 80))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def redeem(server: Server, code: str, ca: Path | None, attempt: str) -> Credentials:
    """What `server` gives for `code`. EnrolError in words for whatever keeps it from that; ConfigError for a bad `ca`."""
    letters = read_code(code)
    if letters is None:
        raise EnrolError(
            Text(
                "注册码有错字：它是 4 组、每组 4 个字母或数字，例如 7K3M-Q9XT-2PFD-0WJH，请逐字核对",
                "the code is mistyped: it is four groups of four letters or digits, as in 7K3M-Q9XT-2PFD-0WJH; compare it "
                "letter by letter",
            )
        )
    context = client_context(ca) if server.https else None
    body = json.dumps({"code": letters, "attempt": attempt}).encode()
    for left in range(_TRIES - 1, -1, -1):
        answer = _ask(server, context, body, last=left == 0)
        if answer is not None:
            return _credentials(server, *answer)
    raise AssertionError("the last try answers or raises")


def _ask(
    server: Server, context: ssl.SSLContext | None, body: bytes, *, last: bool
) -> tuple[int, Mapping[str, str], bytes] | None:
    """Status, headers and body; None if the answer was lost on the way, and it is not the last try."""
    link = _connected(server, context)
    headers = {
        "content-type": "application/json",
        "accept-language": shell_language().value,
        "user-agent": f"linli-agent/{__version__}",
    }
    try:
        link.request("POST", REDEEM_PATH, body, headers)
        answer = link.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read(_MAX_ANSWER)
    except (http.client.RemoteDisconnected, TimeoutError, ConnectionError) as error:
        if not last:
            return None
        raise EnrolError(
            Text(
                f"{server} 没有应答（{_said(error)}）：请确认那是邻里的页面地址，稍后再试",
                f"{server} does not answer ({_said(error)}): see whether that is the address of Linli's page, and try "
                "again later",
            )
        ) from None
    except (http.client.HTTPException, OSError):
        raise _not_linli(server) from None
    finally:
        link.close()


def _connected(server: Server, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """A connection that stands, TLS included."""
    if context is None:
        link = http.client.HTTPConnection(server.host, server.port, timeout=_TIMEOUT_S)
    else:
        link = http.client.HTTPSConnection(server.host, server.port, timeout=_TIMEOUT_S, context=context)
    try:
        link.connect()
    except ssl.SSLError as error:
        why = explain(error)
        raise EnrolError(Text(f"连不上 {server}：{why.zh}", f"no connection to {server}: {why.en}")) from None
    except socket.gaierror:
        raise EnrolError(
            Text(
                f"找不到主机 {server.host}：请核对地址，以及本机的 DNS 设置",
                f"there is no host {server.host}: check the address, and this machine's DNS settings",
            )
        ) from None
    except OSError as error:
        raise EnrolError(
            Text(
                f"连不上 {server}（{_said(error)}）：请核对地址与端口、服务器是否在运行、防火墙是否放行",
                f"no connection to {server} ({_said(error)}): check address and port, whether the server runs, and whether "
                "a firewall lets you through",
            )
        ) from None
    return link


def _credentials(server: Server, status: int, headers: Mapping[str, str], body: bytes) -> Credentials:
    if status == 200:
        try:
            given = msgspec.json.decode(body, type=Credentials)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _not_linli(server) from None
        if not (is_id(given.community) and is_id(given.gateway) and 1 <= given.broker.port <= 65535):
            raise _not_linli(server)
        return given
    if status in (301, 302, 307, 308):
        where = _clean(headers.get("location", "-"))
        raise EnrolError(
            Text(f"{server} 转到了 {where}：请改用那里的地址", f"{server} points to {where}: use the address there")
        )
    problem = _problem(body)
    reason = problem.get("reason", "")
    if reason in REASONS:
        raise EnrolError(REASONS[reason], reason)
    if status == 429:
        wait = _clean(headers.get("retry-after", "30"))
        raise EnrolError(
            Text(f"尝试次数过多，请 {wait} 秒后再试", f"too many tries: try again in {wait} s"), "too_many"
        )
    detail = _clean(problem.get("detail", ""))
    if not problem.get("type", "").startswith("urn:linli:problem:") or status == 404:
        raise _not_linli(server)
    raise EnrolError(
        Text(
            f"服务器没有完成注册（{status}：{detail}）：请告知管理员，稍后用同一个注册码再试",
            f"the server did not enrol this agent ({status}: {detail}): tell the administrator, and try again later with "
            "the same code",
        )
    )


def _problem(body: bytes) -> dict[str, str]:
    """The texts of an RFC 9457 document; nothing of anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {k: v for k, v in document.items() if isinstance(v, str)} if isinstance(document, dict) else {}


def _not_linli(server: Server) -> EnrolError:
    return EnrolError(
        Text(
            f"在 {server} 应答的不是邻里，或其版本较旧：请核对地址与端口（即打开邻里页面的地址）",
            f"what answers at {server} is not Linli, or an older one: check address and port (those of Linli's page)",
        )
    )


def _clean(text: str) -> str:
    """What a server said, fit to be shown on a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return str(Text("超时", "timed out"))
    return (error.strerror if isinstance(error, OSError) else None) or _clean(str(error)) or type(error).__name__
