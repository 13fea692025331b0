"""TLS as a client: whom to trust, what to show, and in words what is wrong when it does not work."""

import contextlib
import ssl
from pathlib import Path

from linli.clock import SECOND
from linli.errors import ConfigError
from linli.i18n import Text

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which Python does not name. A certificate that is trusted for being that
very one is so after its day, too: Linli's own processes must not lose each other over it."""

_VERIFY: dict[int, Text] = {  # the numbers of OpenSSL's x509_vfy.h, X509_V_ERR_...
    9: Text(
        "对方的证书尚未生效：请检查本机时钟，或请对方更换证书",
        "its certificate is not valid yet: check this machine's clock, or have the certificate replaced",
    ),
    10: Text(
        "对方的证书已过期：请对方更换证书；若证书没有问题，请检查本机时钟",
        "its certificate has expired: have it replaced; if it has not, this machine's clock is wrong",
    ),
    62: Text(
        "对方的证书不是给这个主机名的：请改用证书上的主机名，或请对方更换证书",
        "its certificate is for another host name: use the name on the certificate, or have it replaced",
    ),
    64: Text(
        "对方的证书不是给这个 IP 地址的：请改用证书上的主机名，或请对方更换证书",
        "its certificate is not for this IP address: use the host name on the certificate, or have it replaced",
    ),
}
_UNKNOWN_CA = Text(
    "对方的证书不是由可信的 CA 签发的：请用 ca 指定该 CA 的证书文件，或请对方更换证书",
    "its certificate is not signed by a CA that is trusted here: name that CA's certificate file with ca, or have the "
    "certificate replaced",
)
_WANTS_CERTIFICATE = Text(
    "对方要求客户端证书，而没有出示：请写明 certificate 与 key",
    "it demands a client certificate and was shown none: give certificate and key",
)
_REFUSES_CERTIFICATE = Text(
    "对方不接受出示的客户端证书：它已过期，或不是由对方信任的 CA 签发的",
    "it does not take the client certificate that it was shown: it has expired, or another CA signed it",
)
_NOT_TLS = Text(
    "那个端口不用 TLS：请核对端口；若本就没有 TLS，请去掉 tls（网页地址则写 http://）",
    "that port does not speak TLS: check the port; if there is none, leave out tls (or, of a page, write http://)",
)
_REASONS: dict[str, Text] = {  # of ssl.SSLError.reason: parts of what OpenSSL calls it
    "CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "HANDSHAKE_FAILURE": _WANTS_CERTIFICATE,
    "ALERT_BAD_CERTIFICATE": _REFUSES_CERTIFICATE,
    "ALERT_UNKNOWN_CA": _REFUSES_CERTIFICATE,
    "ALERT_CERTIFICATE_EXPIRED": _REFUSES_CERTIFICATE,
    "ALERT_UNSUPPORTED_CERTIFICATE": _REFUSES_CERTIFICATE,
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "UNEXPECTED_EOF": _NOT_TLS,
}


def client_context(
    ca: Path | None = None, certificate: Path | None = None, key: Path | None = None, pin: Path | None = None
) -> ssl.SSLContext:
    """Trust the certificates in `ca` (None: the system's), and show `certificate` with its `key` (None: in one file).

    `pin`: trust nothing but the first certificate in that file, whatever host name it is for: what a program does that
    was given the server's own file. ConfigError, naming the file, for one that cannot be used.
    """
    context = ssl.create_default_context() if ca is None or pin is not None else _trusting(ca)
    if pin is not None:
        context = _pinned(pin)
    if certificate is not None:
        show_certificate(context, certificate, key)
    context.sslsocket_class = _Socket
    return context


class _Socket(ssl.SSLSocket):
    """Closes itself, where Python's own warns of being left open, when the other side is gone before the handshake begins."""

    def __del__(self) -> None:
        if getattr(self, "_sslobj", None) is None:
            self.close()
        super().__del__()  # type: ignore[misc]  # every socket has one, in C


def renew(
    context: ssl.SSLContext, certificate: Path | None = None, key: Path | None = None, pin: Path | None = None
) -> None:
    """Let a context of `client_context` take up files that were renewed since: for whoever connects again, months later.

    ConfigError, with the context as it was, for a file that cannot be used (now: it may be half written).
    """
    if pin is not None:
        _trust_first(context, pin)
    if certificate is not None:
        show_certificate(context, certificate, key)


def show_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Let the context show this certificate. ConfigError saying which of the two files is wrong, and how."""
    private = certificate if key is None else key
    for file in (certificate, private):
        _require_readable(file)
    if b"ENCRYPTED" in private.read_bytes():
        raise ConfigError(
            Text(
                "私钥有口令，无人值守时无法输入：请用 openssl pkey 去掉口令，并只让运行它的用户可读",
                "the private key has a passphrase, which nobody is there to type: take it off with openssl pkey, and "
                "make the file readable to the user alone that runs this",
            ),
            file=private,
        )
    try:
        context.load_cert_chain(certificate, private)
    except ssl.SSLError as error:
        raise _unusable(error, certificate, private) from None


def good_until(certificate: Path, key: Path) -> int:
    """When the certificate expires, in microseconds since 1970 UTC. ConfigError as for `show_certificate`.

    Python reads a certificate only from a connection: this one is between two ends in memory.
    """
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show_certificate(serving, certificate, key)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context(pin=certificate).wrap_bio(back, there)
    server = serving.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    until = (client.getpeercert() or {})["notAfter"]
    return int(ssl.cert_time_to_seconds(str(until))) * SECOND


def explain(error: Exception) -> Text:
    """What went wrong while TLS was negotiated, and what to do, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, _UNKNOWN_CA)
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        for name, text in _REASONS.items():
            if name in reason:
                return text
        return Text(f"TLS 协商失败：{error.reason or error}", f"TLS failed: {error.reason or error}")
    if isinstance(error, ConnectionError):
        return Text(
            "TLS 协商时连接被对方关闭：那个端口可能不用 TLS，或要求客户端证书",
            "the connection was closed while TLS was negotiated: that port may not speak TLS, or demand a certificate",
        )
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return Text(f"TLS 协商失败：{said}", f"TLS failed: {said}")


def _trusting(ca: Path) -> ssl.SSLContext:
    _require_readable(ca)
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise _no_certificates(ca) from None


def _pinned(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is this certificate or none: no name could make it surer
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    _trust_first(context, file)
    return context


def _trust_first(context: ssl.SSLContext, file: Path) -> None:
    _require_readable(file)
    _, found, rest = file.read_text("utf-8", "replace").partition(_BEGIN)
    body, ended, _ = rest.partition(_END)
    if not found or not ended:
        raise _no_certificates(file)
    try:
        context.load_verify_locations(cadata=f"{_BEGIN}{body}{_END}\n")
    except ssl.SSLError:
        raise _no_certificates(file) from None


def _require_readable(file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        said = error.strerror or str(error)
        raise ConfigError(
            Text(f"TLS 的证书或私钥文件读不了：{said}", f"the certificate or key for TLS cannot be read: {said}"),
            file=file,
        ) from None


def _no_certificates(file: Path) -> ConfigError:
    return ConfigError(Text("其中没有 PEM 格式的证书", "holds no certificate in PEM form"), file=file)


def _unusable(error: ssl.SSLError, certificate: Path, key: Path) -> ConfigError:
    if error.reason == "KEY_VALUES_MISMATCH":
        return ConfigError(
            Text(f"私钥与证书 {certificate} 不配对", f"is not the key of the certificate {certificate}"), file=key
        )
    if _BEGIN.encode() not in certificate.read_bytes():
        return _no_certificates(certificate)
    return ConfigError(Text("其中没有 PEM 格式的私钥", "holds no private key in PEM form"), file=key)
