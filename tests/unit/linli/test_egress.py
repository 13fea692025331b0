"""Where somebody else's word may have Linli connect to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.egress import Allowed, Target, read_target, why_not
from linli.errors import Refused

HOOK = Target(True, "hooks.example.org", 443, "/")
NOTHING = Allowed()

WITHIN = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
]


@pytest.mark.parametrize("address", WITHIN)
def test_what_is_not_out_in_the_internet_is_refused(address: str) -> None:
    """This machine, the networks around it, the link, and every IPv6 form that hides one of them."""
    assert why_not(HOOK, address, NOTHING) == "private_address"


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_what_is_out_there_is_reached_with_tls_alone(address: str) -> None:
    """Without, whoever is on the way reads it."""
    assert why_not(HOOK, address, NOTHING) is None
    assert why_not(Target(False, "hooks.example.org", 80, "/"), address, NOTHING) == "not_https"


def test_an_intranet_is_allowed_by_name_or_network() -> None:
    """And nothing beside it; there, without TLS too."""
    allowed = Allowed.parse(["Hooks.Example.ORG", "10.8.0.0/16", "fd00:8::/32"])
    plain = Target(False, "other.example.org", 80, "/")
    assert why_not(HOOK, "127.0.0.1", allowed) is None
    assert why_not(plain, "10.8.3.4", allowed) is None
    assert why_not(plain, "::ffff:10.8.3.4", allowed) is None
    assert why_not(plain, "fd00:8::1", allowed) is None
    assert why_not(plain, "10.9.0.1", allowed) == "private_address"
    assert why_not(Target(True, "a.hooks.example.org", 443, "/"), "10.9.0.1", allowed) == "private_address"


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "http://x", "a b", "10.0.0.256", "", "-x"])
def test_an_entry_that_is_neither_a_host_nor_a_network(entry: str) -> None:
    """Is an error at the start, not a hole or a wall later."""
    with pytest.raises(ValueError, match="neither"):
        Allowed.parse([entry])


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.org", Target(True, "example.org", 443, "/")),
        ("HTTPS://Example.ORG:8443/a/b?c=d", Target(True, "example.org", 8443, "/a/b?c=d")),
        ("http://[::1]:99/x", Target(False, "::1", 99, "/x")),
        ("https://望湖.example/x", Target(True, "xn--rpvw4n.example", 443, "/x")),
    ],
)
def test_addresses_that_are_taken(url: str, target: Target) -> None:
    """As what is connected to and asked for."""
    assert read_target(url) == target


def test_the_host_header() -> None:
    """With the port where it does not go without saying, and brackets around IPv6."""
    wanted = ["example.org", "example.org:80", "[::1]:99"]
    given_urls = ["https://example.org/", "https://example.org:80/", "http://[::1]:99/"]
    assert [read_target(url).authority for url in given_urls] == wanted


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "//example.org/",
        "https://user:secret@example.org/",
        "https://example.org/#x",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://example.org/a b",
        "https://example.org/\r\nx: y",
        "https://exa mple.org/",
        "https://example.org/\u4e2d",
        "https://[fe80::1%25eth0]/",
        "https://example..org/",
        "https://" + "a" * 3000,
    ],
)
def test_addresses_that_are_not(url: str) -> None:
    """Other schemes, passwords (they would stand in logs), fragments, what would break the request line."""
    with pytest.raises(Refused) as caught:
        read_target(url)
    assert caught.value.reason == "bad_url"


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_refused(text: str) -> None:
    """And what is taken can stand in a request line and a header."""
    for url in (text, f"https://{text}", f"https://example.org/{text}"):
        try:
            target = read_target(url)
        except Refused:
            continue
        shown = target.path + target.authority
        assert shown.isascii()
        assert shown.isprintable()
        assert " " not in shown
