"""`linli agent check` where certificates are not right: each is made so, shown, and what is said of it is read."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config import Broker
from edge.site.findings import State
from edge.site.reach import reach
from linli.clock import SystemClock
from tests.certificates import Authority, Certificate
from tests.integration.check_world import SILENT_S, Place, look, running, wrong
from tests.support import need

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]


@pytest.fixture(scope="module", params=["nats", "mosquitto"])
def strict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """With TLS, and client certificates demanded; with both consumers."""
    folder = tmp_path_factory.mktemp("strict")
    authority, clients = Authority(folder), Authority(folder, "clients")
    server, own, agent = authority.issue("server", "localhost"), clients.issue("own"), clients.issue("agent")
    with running(
        folder,
        request.param,
        broker_tls_certificate=server.file,
        broker_tls_key=server.key,
        broker_tls_client_ca=clients.file,
        broker_certificate=own.file,
        broker_key=own.key,
        broker_ca=authority.file,
    ) as settings:
        yield Place(settings, folder, authority, tls=True, client=agent)


def test_a_strict_broker_lets_the_right_certificate_in(strict: Place) -> None:
    """TLS with a CA of one's own and a client certificate, all the way to the acknowledgements."""
    found = look(strict.file("well"))
    assert {name for name, finding in found.items() if finding.state is not State.OK} == {"devices"}
    assert "TLSv1.3" in found["tls"].said.en


def test_certificates_that_are_not_right(strict: Place, tmp_path: Path) -> None:
    """Each with its cause: the trusted CA, the name, the client's certificate, its key."""
    stranger = Authority(tmp_path, "stranger")
    other = stranger.issue("other")
    assert strict.client is not None
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(
        [
            need("openssl"),
            "pkey",
            "-in",
            str(strict.client.key),
            "-aes256",
            "-passout",
            "pass:x",
            "-out",
            str(encrypted),
        ],
        check=True,
        capture_output=True,
    )
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for changes, said, remedy in (
        ({"ca": str(stranger.file)}, "no TLS with localhost", "not signed by a CA that is trusted here"),
        ({"ca": None}, "no TLS with localhost", "not signed by a CA that is trusted here"),
        ({"host": "127.0.0.1"}, "no TLS with 127.0.0.1", "not for this IP address"),
        ({"certificate": None, "key": None}, "no TLS with localhost", "demands a client certificate"),
        ({"certificate": str(other.file), "key": str(other.key)}, "no TLS with localhost", "does not take the client"),
        ({"key": str(other.key)}, "is not the key of the certificate", ""),
        ({"key": str(encrypted)}, "has a passphrase", ""),
        ({"key": str(tmp_path / "none.key")}, "cannot be read", ""),
        ({"ca": str(empty)}, "holds no certificate", ""),
        ({"certificate": str(empty)}, "holds no certificate", ""),
    ):
        wrong(strict.file("tls", strict.broker(**changes)), "tls", said, remedy)


def test_no_tls_where_there_is(strict: Place) -> None:
    """The other way."""
    plain = strict.broker(tls=None, ca=None, certificate=None, key=None)
    wrong(strict.file("plain", plain), "sign_in", "speaks TLS", "tls: true", SILENT_S)


@pytest.mark.parametrize(
    ("name", "host", "days", "state", "remedy"),
    [
        ("old", "localhost", -1, State.WRONG, "has expired"),
        ("other", "other.example", 60, State.WRONG, "for another host name"),
        ("soon", "localhost", 3, State.MIND, "expires soon"),
    ],
)
def test_certificates_out_of_their_time_or_for_another(
    tmp_path: Path, name: str, host: str, days: int, state: State, remedy: str
) -> None:
    """Shown by a port that is no broker: TLS comes before that matters."""
    authority = Authority(tmp_path)
    certificate = authority.issue(name, host, days=days)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_shake_hands, args=(listener, certificate), daemon=True)
        server.start()
        broker = Broker("localhost", listener.getsockname()[1], None, None, tls=True, ca=authority.file)
        found = list(reach(broker, "", SystemClock().now()))[-1]
        listener.shutdown(socket.SHUT_RDWR)
    server.join(timeout=5)
    assert (found.check, found.state) == ("tls", state)
    assert found.remedy is not None
    assert remedy in found.remedy.en


def _shake_hands(listener: socket.socket, certificate: Certificate) -> None:
    """Show it to one client."""
    with listener.accept()[0] as sock, contextlib.suppress(OSError):
        sock.settimeout(5)
        with certificate.server_context().wrap_socket(sock, server_side=True) as secured:
            secured.recv(1)
