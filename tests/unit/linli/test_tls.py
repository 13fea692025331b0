"""TLS as a client: files that cannot be used are told by name, and what OpenSSL says is told in words."""

import socket
import ssl
from pathlib import Path

import pytest

from linli.cli.broker import broker_tls, certificate_note, check_certificates
from linli.clock import DAY, HOUR, SystemClock
from linli.errors import ConfigError
from linli.settings import Settings, load_settings
from linli.tls import client_context, explain, good_until, renew
from tests.certificates import Authority, Certificate


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Certificate:
    return authority.issue("server", "localhost")


def test_a_right_context_verifies(authority: Authority, server: Certificate) -> None:
    """The name too, unless one certificate and no other is trusted."""
    context = client_context(authority.file, server.file, server.key)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1
    pinned = client_context(pin=server.file)
    assert (pinned.verify_mode, pinned.check_hostname) == (ssl.CERT_REQUIRED, False)
    assert client_context().verify_mode is ssl.CERT_REQUIRED


def test_only_the_first_certificate_of_a_file_is_pinned(
    tmp_path: Path, authority: Authority, server: Certificate
) -> None:
    """The file of a broker holds its CA's as well: whatever that signed must not pass for the broker."""
    chain = tmp_path / "chain.pem"
    chain.write_text(server.file.read_text() + authority.file.read_text())
    pinned = client_context(pin=chain)
    assert pinned.cert_store_stats()["x509"] == 1
    assert pinned.get_ca_certs() == []


def test_files_that_were_renewed(tmp_path: Path, authority: Authority, server: Certificate) -> None:
    """Are trusted beside the old; one that is half written leaves things as they were."""
    file = tmp_path / "pin.pem"
    file.write_text(server.file.read_text())
    context = client_context(pin=file)
    file.write_text(authority.issue("renewed", "localhost").file.read_text())
    renew(context, pin=file)
    assert context.cert_store_stats()["x509"] == 2
    file.write_text("-----BEGIN CERTIFICATE-----\nMIIB")
    with pytest.raises(ConfigError):
        renew(context, pin=file)


def test_files_that_cannot_be_used(tmp_path: Path, authority: Authority, server: Certificate) -> None:
    """Each by its own name."""
    empty, none = tmp_path / "empty.pem", tmp_path / "none.pem"
    empty.write_text("")
    other = authority.issue("other")
    for arguments, file, said in (
        ({"ca": none}, none, "cannot be read"),
        ({"ca": empty}, empty, "no certificate"),
        ({"ca": tmp_path}, tmp_path, "cannot be read"),
        ({"pin": none}, none, "cannot be read"),
        ({"pin": server.key}, server.key, "no certificate"),
        ({"certificate": none}, none, "cannot be read"),
        ({"certificate": server.file, "key": none}, none, "cannot be read"),
        ({"certificate": server.file, "key": other.key}, other.key, "is not the key of"),
        ({"certificate": server.file}, server.file, "no private key"),
        ({"certificate": server.file, "key": empty}, empty, "no private key"),
        ({"certificate": empty, "key": server.key}, empty, "no certificate"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            client_context(**arguments)
        assert caught.value.file == file


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "demands a client certificate"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "demands a client certificate"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "does not take the client certificate"),
        ("TLSV1_ALERT_UNKNOWN_CA", "does not take the client certificate"),
        ("WRONG_VERSION_NUMBER", "does not speak TLS"),
        ("NO_PROTOCOLS_AVAILABLE", "NO_PROTOCOLS_AVAILABLE"),
    ],
)
def test_what_openssl_says_is_told_in_words(reason: str, said: str) -> None:
    """And what is not known is shown as it is."""
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1006)")
    error.reason = reason
    assert said in explain(error).en
    assert explain(error).zh != explain(error).en


@pytest.mark.parametrize(("code", "said"), [(9, "not valid yet"), (10, "expired"), (62, "host name"), (18, "CA")])
def test_why_a_certificate_is_not_trusted(code: int, said: str) -> None:
    """By OpenSSL's number; an unknown one is about who signed it."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    assert said in explain(error).en
    assert "timed out" in explain(TimeoutError("timed out")).en
    assert "closed" in explain(ConnectionResetError()).en


# --- what Linli checks of its own before it starts --------------------------------------------------------------------


def settings(**files: Path) -> Settings:
    return load_settings(**files)


def test_settings_of_the_embedded_broker_are_checked_before_it_starts(tmp_path: Path, authority: Authority) -> None:
    """Half of a pair, a key of another certificate, client certificates demanded of services that have none."""
    server, other = authority.issue("broker", "localhost"), authority.issue("someone")
    pair = {"broker_tls_certificate": server.file, "broker_tls_key": server.key}
    own = {"broker_certificate": other.file, "broker_key": other.key}
    check_certificates(settings())
    check_certificates(settings(**pair))
    check_certificates(settings(**pair, **own, broker_tls_client_ca=authority.file))
    for files, said in (
        ({"broker_tls_certificate": server.file}, "set both"),
        ({"broker_tls_key": server.key}, "set both"),
        ({**pair, "broker_tls_key": other.key}, "is not the key of"),
        ({**pair, "broker_tls_client_ca": authority.file}, "client certificate for Linli's own services"),
        ({"broker_tls_client_ca": authority.file, **own}, "are needed, too"),
        ({**pair, **own, "broker_tls_client_ca": tmp_path / "none"}, "cannot be read"),
        ({**pair, "broker_ca": tmp_path / "none"}, "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=said):
            check_certificates(settings(**files))


@pytest.mark.parametrize(("days", "said"), [(-1, "expired on"), (3, "expires on"), (60, None)])
def test_a_certificate_that_ends_is_told_of(authority: Authority, days: int, said: str | None) -> None:
    """By its day, in both languages; Linli's own processes go on with one that has expired, agents do not get in."""
    server = authority.issue(f"broker{days}", "localhost", days=days)
    now = SystemClock().now()
    assert abs(good_until(server.file, server.key) - now - days * DAY) < HOUR
    note = certificate_note(settings(broker_tls_certificate=server.file, broker_tls_key=server.key), now)
    assert (note is None) if said is None else (note is not None and said in note.en and str(server.file) in note.zh)


def test_a_certificate_that_cannot_be_read_is_told_elsewhere(tmp_path: Path) -> None:
    """Not as one that ends."""
    none = tmp_path / "none"
    assert certificate_note(settings(broker_tls_certificate=none, broker_tls_key=none), 0) is None
    assert certificate_note(settings(), 0) is None


def test_a_broker_of_ones_own_is_not_ours_to_configure(authority: Authority) -> None:
    """Its certificate is not looked for among the embedded one's settings."""
    outside = load_settings(broker_host="mq.example", broker_tls_certificate=Path("none.pem"))
    check_certificates(outside)
    assert broker_tls(outside) is None
    assert not outside.broker_speaks_tls
    assert load_settings(broker_host="mq.example", broker_tls=True).broker_speaks_tls


def test_a_server_gone_before_the_handshake_is_nothing_to_warn_of() -> None:
    """A broker that ends while its supervisor looks, say: its kernel had accepted the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = socket.create_connection(listener.getsockname())
    with connection, pytest.raises(ConnectionError):
        client_context().wrap_socket(connection, server_hostname="localhost")
