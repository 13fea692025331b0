"""Where Linli may connect to at the word of somebody else (a webhook's address). Decides only: no name is looked up here.

Refused is every address that is not out in the Internet: this machine, the networks around it, the link (169.254.169.254,
where clouds keep credentials), and the IPv6 forms that an IPv4 address hides in. It is decided of the address that is then
connected to, after the name was looked up, so that no name and no change of a name between two look-ups is a way round. A
district's own intranet is allowed by name or by network.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from linli.errors import Refused
from linli.i18n import Text

MAX_URL = 2000
_NAT64 = ip_network("64:ff9b::/96")
_NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*\.?")
_PATH = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: `host` as it is written in the certificate, `path` with its query, as a request line has it."""

    tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header: without the port where it goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Hosts and networks of one's own that may be connected to all the same."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, entries: Sequence[str]) -> "Allowed":
        """From words such as 'hooks.example.gov' and '10.8.0.0/16'; ValueError for what is neither."""
        hosts, networks = set(), []
        for entry in entries:
            word = entry.strip().lower()
            try:
                networks.append(ip_network(word))
            except ValueError:
                if _NAME.fullmatch(word) is None or word.replace(".", "").isdigit() or "/" in word:
                    raise ValueError(f"{entry!r:.80} is neither the name of a host nor a network") from None
                hosts.add(word.rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def names(self, host: str) -> bool:
        """Whether the host is allowed by its name."""
        return host.rstrip(".") in self.hosts

    def covers(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether the address lies in one of the networks."""
        return any(address in network for network in self.networks)


def read_target(url: str) -> Target:
    """The target that an http or https URL names. Refused 'bad_url' for anything else.

    No user and password (they would stand in logs), no fragment, no white space or control character.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
        if not _is_address(host):
            host = host.encode("idna").decode() if host else ""
    except (ValueError, UnicodeError):
        raise _bad_url() from None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if (
        len(url) > MAX_URL
        or parts.scheme not in ("http", "https")
        or "@" in parts.netloc
        or "#" in url
        or not url.isprintable()
        or port == 0
        or not (_is_address(host) or _NAME.fullmatch(host))
        or _PATH.fullmatch(path) is None
    ):
        raise _bad_url()
    tls = parts.scheme == "https"
    return Target(tls, host, port or (443 if tls else 80), path)


def why_not(target: Target, address: str, allowed: Allowed) -> str | None:
    """Why `address`, which the target's name led to, may not be connected to: 'private_address' or 'not_https'; None if it may.

    Without TLS only what is allowed by name or network: elsewhere the way is open to whoever listens.
    """
    found = _plain(ip_address(address.partition("%")[0]))
    if allowed.names(target.host) or allowed.covers(found):
        return None
    site = isinstance(found, IPv6Address) and found.is_site_local  # fec0::/10: retired, and to Python global
    if site or not found.is_global or found.is_multicast or found.is_reserved or found.is_unspecified:
        return "private_address"
    return None if target.tls else "not_https"


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address is a wrapping of, else the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        if address in _NAT64 or int(address) >> 32 == 0:
            return IPv4Address(int(address) & 0xFFFFFFFF) if int(address) > 1 else address
    return address


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _bad_url() -> Refused:
    error = Refused(
        "bad_url", "url: give an address such as https://example.org/hook, without user, password or fragment"
    )
    error.text = Text("url 不对：应类似 https://example.org/hook，不含用户名、口令或 # 片段", error.detail)
    return error
