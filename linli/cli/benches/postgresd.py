"""A PostgreSQL of the bench's own: Debian's programs, in its own folder, on a free port of loopback, gone with the block."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from linli.cli.private import free_ports
from linli.errors import LinliError
from linli.i18n import Text

_DEBIAN = Path("/usr/lib/postgresql")
_PATIENCE_S = 30.0
_DATABASE = "linli"
_USER = "postgres"


def find() -> Path | None:
    """The folder of the newest server's programs, or None if there is none (or no driver for it)."""
    try:
        import psycopg
    except ImportError:
        return None
    assert psycopg.__version__
    folders = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    return next(iter([*folders, *([Path(on_path).parent] if on_path else [])]), None)


@contextmanager
def running(programs: Path) -> Iterator[str]:
    """A server with an empty database, as an SQLAlchemy URL. It keeps what is written as a server in service does (fsync)."""
    folder = Path(tempfile.mkdtemp(prefix="linli-bench-postgres-"))
    password = secrets.token_urlsafe(16)
    port = free_ports(1)[0]
    owner = _owner()
    user, group = owner or (None, None)
    try:
        if owner is not None:
            shutil.chown(folder, *owner)
        _initialise(programs, folder, password, owner)
        command = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "shared_buffers": "256MB"}
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, user=user, group=group)
            try:
                _wait(programs, port, password, process, folder)
                yield f"postgresql+psycopg://{_USER}:{password}@127.0.0.1:{port}/{_DATABASE}"
            finally:
                process.terminate()
                process.wait(timeout=_PATIENCE_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> tuple[int, int] | None:
    """Whose the server is: the server refuses to be root's."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(_USER)
    return entry.pw_uid, entry.pw_gid


def _initialise(programs: Path, folder: Path, password: str, owner: tuple[int, int] | None) -> None:
    file = folder / "password"
    file.write_text(password)
    user, group = owner or (None, None)
    if owner is not None:
        shutil.chown(file, *owner)
    subprocess.run(
        [
            str(programs / "initdb"),
            "-D",
            str(folder / "data"),
            "-U",
            _USER,
            "-E",
            "UTF8",
            "-A",
            "scram-sha-256",
            f"--pwfile={file}",
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        user=user,
        group=group,
    )
    file.unlink()


def _wait(programs: Path, port: int, password: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Until it takes connections, and has the database."""
    pause, deadline = threading.Event(), monotonic() + _PATIENCE_S
    environment = {"PGPASSWORD": password, "PATH": os.environ.get("PATH", "")}
    create = [str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", _USER, _DATABASE]
    while subprocess.run(create, env=environment, capture_output=True, cwd=folder, check=False).returncode != 0:
        if process.poll() is not None or monotonic() > deadline:
            said = (folder / "log").read_text(errors="replace").strip().splitlines()[-1:]
            raise LinliError(Text(f"PostgreSQL 没有启动：{said}", f"PostgreSQL did not start: {said}"))
        pause.wait(0.1)
