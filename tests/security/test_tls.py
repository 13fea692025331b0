"""The API under TLS: by a certificate from the settings, renewed without a restart, and no plain HTTP on that port."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.http.headers import HSTS
from tests.certificates import Authority, Certificate
from tests.integration.api_world import PASSWORD
from tests.integration.test_api_process import prepared
from tests.support import eventually, free_port

pytestmark = pytest.mark.integration

HOST = "127.0.0.2"
"""What `tests.certificates` issues for."""


@dataclass(frozen=True)
class Secured:
    """An API under TLS; `shown` is where its certificate lies."""

    port: int
    authority: Authority
    shown: Certificate

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def trusting(self, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority.file)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trusting(), timeout=10)

    def serial(self) -> str:
        """Of the certificate that a new connection is shown."""
        with (
            socket.create_connection((HOST, self.port), timeout=10) as plain,
            self.trusting().wrap_socket(plain, server_hostname=HOST) as secured,
        ):
            found = secured.getpeercert() or {}
            return str(found["serialNumber"])


@contextmanager
def api(folder: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")} | {
        "LINLI_DATA": str(folder),
        "LINLI_LANGUAGE": "en",
        "LINLI_BROKER_PORT": str(free_port()),
        **settings,
    }
    command = [sys.executable, "-m", "api"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    authority = Authority(folder)
    issued = authority.issue("first", "linli.example")
    shown = Certificate(folder / "shown.pem", folder / "shown.key")
    shutil.copy(issued.file, shown.file)
    shutil.copy(issued.key, shown.key)
    prepared(folder / "data")
    named = {"LINLI_TLS_CERTIFICATE": str(shown.file), "LINLI_TLS_KEY": str(shown.key)}
    made = Secured(port, authority, shown)
    with api(folder / "data", LINLI_HOST=HOST, LINLI_PORT=str(port), **named) as process:

        def answers() -> bool:
            assert process.poll() is None, process.communicate()
            try:
                with made.client() as client:
                    return client.get("/api/v1/health").status_code in (200, 503)
            except httpx.TransportError:
                return False

        eventually(answers, timeout=30)
        yield made


def test_it_answers_over_tls_and_tells_browsers_to_stay_there(secured: Secured) -> None:
    """HSTS on every answer, pages and data; cookies that only TLS carries."""
    with secured.client() as client:
        for path in ("/api/v1/health", "/api/v1/none", "/login", "/none"):
            assert client.get(path).headers["strict-transport-security"] == HSTS
        signed = client.post("/api/v1/sessions", json={"name": "root", "password": PASSWORD})
        assert signed.status_code < 300
        for cookie in signed.headers.get_list("set-cookie"):
            assert "Secure" in cookie
            assert "HttpOnly" in cookie


def test_plain_http_to_that_port_is_refused_in_words(secured: Secured) -> None:
    """Whatever is asked, with a body too; nothing of it reaches the API, and no redirect hides that it was sent in clear."""
    for method, body in (("GET", b""), ("POST", b"x" * 100_000)):
        answer = httpx.request(method, f"http://{HOST}:{secured.port}/api/v1/alerts", content=body, timeout=10)
        assert answer.status_code == 400
        assert "https://" in answer.text
        assert "HTTPS：" in answer.text
        assert "location" not in answer.headers


def test_old_versions_of_tls_are_not_spoken(secured: Secured) -> None:
    """1.2 at least (RFC 8996)."""
    for version, spoken in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        with (
            socket.create_connection((HOST, secured.port), timeout=10) as plain,
            secured.trusting(version).wrap_socket(plain, server_hostname=HOST) as connection,
        ):
            assert (connection.version() or "").startswith("TLSv1.") is spoken
    hello = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x01" + bytes(32) + b"\x00\x00\x04\xc0\x13\x00\x2f\x01\x00"
    with socket.create_connection((HOST, secured.port), timeout=10) as old:  # a TLS 1.0 client hello
        old.sendall(hello)
        assert old.recv(1)[:1] in (b"\x15", b"")  # an alert, or the end


def test_who_says_nothing_holds_up_nobody(secured: Secured) -> None:
    """Connections that are opened and left keep others from nothing."""
    silent = [socket.create_connection((HOST, secured.port), timeout=10) for _ in range(200)]
    try:
        with secured.client() as client:
            assert client.get("/api/v1/health").status_code in (200, 503)
    finally:
        for one in silent:
            one.close()


def test_a_renewed_certificate_is_shown_without_a_restart(secured: Secured) -> None:
    """And a wrong one, or half of a pair, changes nothing: the one before goes on, and health says so."""
    before = secured.serial()
    other = secured.authority.issue("other", "linli.example")
    secured.shown.file.write_text("not a certificate")
    with secured.client() as client:
        client.post("/api/v1/sessions", json={"name": "root", "password": PASSWORD}).raise_for_status()
        eventually(lambda: "PEM" in client.get("/api/v1/health").text, timeout=20)
        assert secured.serial() == before
        shutil.copy(other.key, secured.shown.key)
        shutil.copy(other.file, secured.shown.file)
        eventually(lambda: secured.serial() != before, timeout=20)
        eventually(lambda: "PEM" not in client.get("/api/v1/health").text, timeout=20)


@pytest.mark.parametrize(
    ("given", "said"), [("LINLI_TLS_CERTIFICATE", "tls_key"), ("LINLI_TLS_KEY", "tls_certificate")]
)
def test_half_a_setting_is_refused_at_the_start(given: str, said: str, tmp_path: Path) -> None:
    """Rather than to answer in clear where TLS was meant."""
    prepared(tmp_path / "data")
    with api(tmp_path / "data", LINLI_PORT=str(free_port()), **{given: str(tmp_path / "none.pem")}) as process:
        _out, error = process.communicate(timeout=30)
        assert process.returncode == 2
        assert said in error
