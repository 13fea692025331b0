"""Certificates for tests, made by the openssl command: a CA of one's own, and what it signs."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support import need

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, each in a file."""

    file: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """What a server shows it with."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.file, self.key)
        return context


class Authority:
    """A CA made now, in `folder`."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._openssl = need("openssl")
        self.file, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        subject = ("-subj", f"/CN=Linli test CA {name}", "-days", "90")
        self._run("req", "-x509", *_KEY, "-keyout", str(self._key), "-out", str(self.file), *subject)

    def issue(self, name: str, host: str = "", *, days: int = 60) -> Certificate:
        """A certificate for a server at `host` and 127.0.0.2, or a client's if there is none; expired if `days` is -1."""
        file, key, request = (self._folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        extensions = self._folder / f"{name}.ext"
        use = (
            f"subjectAltName=DNS:{host},IP:127.0.0.2\nextendedKeyUsage=serverAuth\n"
            if host
            else "extendedKeyUsage=clientAuth\n"
        )
        extensions.write_text(use)
        self._run("req", *_KEY, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={name}")
        sign = ("x509", "-req", "-in", str(request), "-CA", str(self.file), "-CAkey", str(self._key), "-CAcreateserial")
        self._run(*sign, "-out", str(file), "-extfile", str(extensions), "-days", str(days))
        return Certificate(file, key)

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._openssl, *arguments], check=True, capture_output=True, timeout=30)
