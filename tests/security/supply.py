"""What Linli is made of: known vulnerabilities of the packages that are installed, and the list of them all.

    python -m tests.security.supply audit          1 for a vulnerability, 2 if anything was not audited
    python -m tests.security.supply sbom FILE      CycloneDX JSON: each package with version and licence
    python -m tests.security.supply release DIR    the wheel, the SBOM of an installation of it, and the sums of both

pip-audit ends well when it could not look a package up; here that package counts as not audited, and is named.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from linli import __version__

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
OURS = "linli"
"""Is on no index, and is not looked up."""


@dataclass(frozen=True)
class Audited:
    """What was found: by package the ids of its vulnerabilities; the packages that nobody looked at, and why."""

    vulnerable: Mapping[str, tuple[str, ...]]
    unaudited: Mapping[str, str]
    looked_at: int

    def __str__(self) -> str:
        lines = [f"{name}: {', '.join(ids)}" for name, ids in sorted(self.vulnerable.items())]
        lines += [f"not audited: {name}: {why}" for name, why in sorted(self.unaudited.items())]
        total = self.looked_at + len(self.unaudited)
        return "\n".join(
            [*lines, f"{self.looked_at} of {total} packages were audited, {len(self.vulnerable)} are vulnerable"]
        )


def judged(report: Mapping[str, Any]) -> Audited:
    """What a report of pip-audit (its JSON) says."""
    vulnerable: dict[str, tuple[str, ...]] = {}
    unaudited: dict[str, str] = {}
    looked_at = 0
    for package in report["dependencies"]:
        name = package["name"]
        if name == OURS:
            continue
        if "skip_reason" in package or "version" not in package:
            unaudited[name] = package.get("skip_reason", "no version")
            continue
        looked_at += 1
        if package.get("vulns"):
            vulnerable[f"{name} {package['version']}"] = tuple(found["id"] for found in package["vulns"])
    return Audited(vulnerable, unaudited, looked_at)


def audit() -> Audited:
    """pip-audit over what is installed. Whatever keeps it from a report leaves all of it not audited."""
    command = [str(BIN / "pip-audit"), "--local", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    try:
        return judged(json.loads(done.stdout))
    except ValueError:
        said = done.stderr.strip().splitlines() or [f"pip-audit ended with status {done.returncode}"]
        return Audited({}, {"all": said[-1][:300]}, 0)


def write_sbom(file: Path, python: Path = Path(sys.executable)) -> dict[str, Any]:
    """Write the list of what is installed beside that Python, and give it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [str(BIN / "cyclonedx-py"), "environment", "--output-format", "JSON", "--output-reproducible"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-file", str(file), str(python)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def fault_of(changelog: str, version: str, changed: str) -> str | None:
    """What keeps a release from being made; None if nothing does. `changed`: what git says is not committed."""
    if changed.strip():
        return "commit or put away what is changed first:\n" + changed
    if f"## [{version}]" not in changelog:
        return f"CHANGELOG.md has no section '## [{version}]': give [Unreleased] that name and a date"
    return None


def make_release(folder: Path) -> list[Path]:
    """The wheel, the SBOM of an installation that has it and nothing of the workshop, and the sums of both, in a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        source = Path(place, "source")  # setuptools leaves what it made where it builds
        shutil.copytree(
            ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "data", "*.egg-info", "__pycache__", "tests")
        )
        _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, str(source))
        (built,) = Path(place).glob("*.whl")
        wheel = folder / built.name
        wheel.write_bytes(built.read_bytes())
        python = Path(place, "installed", "bin", "python")
        _run(sys.executable, "-m", "venv", str(python.parents[1]))
        _run(str(python), "-m", "pip", "install", "--quiet", str(wheel))
        sbom = folder / f"{wheel.stem.rpartition('-py3')[0]}.cdx.json"
        write_sbom(sbom, python)
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(f"{sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in (wheel, sbom)))
    return [wheel, sbom, sums]


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


def _release(folder: Path) -> int:
    changed = _run("git", "status", "--porcelain")
    fault = fault_of((ROOT / "CHANGELOG.md").read_text("utf-8"), __version__, changed)
    if fault is not None:
        print(fault, file=sys.stderr)  # noqa: T201
        return 1
    found = audit()
    print(found)  # noqa: T201
    if found.vulnerable:
        return 1
    for file in make_release(folder):
        print(file)  # noqa: T201
    return 0


def main(arguments: list[str]) -> int:
    """The command."""
    if arguments == ["audit"]:
        found = audit()
        print(found)  # noqa: T201
        return 1 if found.vulnerable else 2 if found.unaudited else 0
    if len(arguments) == 2 and arguments[0] == "sbom":
        components = write_sbom(Path(arguments[1]))["components"]
        print(f"{arguments[1]}: {len(components)} packages")  # noqa: T201
        return 0
    if len(arguments) == 2 and arguments[0] == "release":
        return _release(Path(arguments[1]))
    print(__doc__)  # noqa: T201
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
