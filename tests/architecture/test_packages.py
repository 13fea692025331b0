"""Rules of the house that no linter knows: importing does nothing, the agent stays small, modules stay short."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli import vocabulary
from linli.i18n import Text

ROOT = Path(__file__).parents[2]
PACKAGES = ["linli", "edge", "ingest", "rules", "api", "dashboards", "simulators"]


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def is_migration(file: Path) -> bool:
    """Run by Alembic, and not importable without it."""
    return any(folder.name.endswith("migrations") for folder in file.parents)


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(package: str) -> list[str]:
    """Every importable module of the package; `__main__` runs a process and migrations need Alembic around them."""
    files = (file for file in sources(package) if file.stem != "__main__" and not is_migration(file))
    return [module_of(file) for file in files]


_IMPORT_ALL = """
import importlib, os, sys, sysconfig, threading
ROOT, LIBRARIES = sys.argv[1] + os.sep, sysconfig.get_paths()["purelib"]
done = []

def ours():
    # the nearest frame that is not Python's own decides: what a library does when it is imported is its own business
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(LIBRARIES):
            return False
        if file.startswith(ROOT):
            return True
        frame = frame.f_back
    return False

def audit(event, args):
    written = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if written or event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir", "os.remove", "os.rename"):
        if ours():
            done.append(f"{event} {args!r}")

sys.dont_write_bytecode = True
sys.addaudithook(audit)
before = set(os.listdir("."))
for name in sys.argv[2:]:
    importlib.import_module(name)
assert not done, done
assert set(os.listdir(".")) == before, os.listdir(".")
others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
assert not others, others
"""


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_has_no_side_effects(package: str, tmp_path: Path) -> None:
    """No thread, no socket, no process, no file written: constructing and starting do things, importing does not."""
    _run(_IMPORT_ALL, str(ROOT), *modules(package), folder=tmp_path)


_LOADED = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
heavy = {"sqlalchemy", "alembic", "pydantic", "pydantic_settings", "influxdb_client", "fastapi", "nicegui", "numpy"}
loaded = heavy & {name.partition(".")[0] for name in sys.modules}
assert not loaded, loaded
"""


def test_the_agent_loads_nothing_heavy(tmp_path: Path) -> None:
    """It runs beside the devices in 64 MB; its MQTT adapter included."""
    _run(_LOADED, *modules("edge"), "edge.__main__", "linli.adapters.mqtt", folder=tmp_path)


def test_the_command_starts_without_loading_everything(tmp_path: Path) -> None:
    """`linli --help` answers at once: what a command needs is imported when it runs."""
    _run(_LOADED.replace('"pydantic",', ""), "linli.cli.main", folder=tmp_path)


def _run(script: str, *arguments: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", script, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_is(package: str) -> None:
    """The first line of each file."""
    silent = [module_of(file) for file in sources(package) if not ast.get_docstring(ast.parse(file.read_text("utf-8")))]
    assert silent == []


def test_modules_stay_short() -> None:
    """Over 500 lines a module has become two. Tests too."""
    long = {
        module_of(file): n
        for file in sources(*PACKAGES, "tests")
        if (n := len(file.read_text("utf-8").splitlines())) > 500
    }
    assert long == {}


def test_functions_stay_short() -> None:
    """None over 80 lines, but for a migration, which is a list."""
    long = {}
    for file in sources(*PACKAGES):
        if is_migration(file):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > 80:
                    long[f"{module_of(file)}.{node.name}"] = lines
    assert long == {}


def test_nobody_mocks() -> None:
    """Fakes are written by hand, and held to the contract of what they stand for."""
    mocking = [
        module_of(file)
        for file in sources("tests", *PACKAGES)
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest.mock"))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("unittest.mock") for alias in node.names))
    ]
    assert mocking == []


def _texts(value: object) -> Iterator[Text]:
    if isinstance(value, Text):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, vocabulary.Quantity):
        yield value.name
        yield from value.words


def test_every_word_of_the_vocabulary_is_in_both_languages() -> None:
    """Chinese that is Chinese, English that is not, neither empty."""
    texts = [text for value in vars(vocabulary).values() for text in _texts(value)]
    assert len(texts) > 100
    for text in texts:
        assert any("\u4e00" <= letter <= "\u9fff" for letter in text.zh), text
        assert text.en.isascii(), text
        assert text.en.strip() == text.en != "", text


def test_every_test_folder_is_a_package() -> None:
    """Else a test folder named like a package shadows it."""
    folders = {file.parent for file in sources("tests")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []
