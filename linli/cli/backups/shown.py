"""What people and scripts are told of a backup: a line while it goes on, sentences at its end, or JSON."""

import json
import sys
from collections import Counter
from time import monotonic
from typing import Any

from linli.backups import Kept, Manifest
from linli.clock import format_time
from linli.i18n import Text

_EVERY_S = 0.2


class ProgressLine:
    """On stderr, what is copied now and how much there is by now; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._shown = 0.0
        self._bytes = 0

    def __call__(self, name: str, count: int) -> None:
        """So many bytes more, of `name`."""
        self._bytes += count
        now = monotonic()
        if self._on and now - self._shown >= _EVERY_S:
            self._shown = now
            print(f"\r\x1b[K{size_of(self._bytes)}  {name[-60:]}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def size_of(count: int) -> str:
    """Bytes as people read them."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def told(manifest: Manifest) -> list[Text]:
    """What a backup is of: lines for people."""
    parts = Counter(file.name.split("/")[1] if "/" in file.name else file.name for file in manifest.files)
    journals_zh = "；".join(f"{kept.folder} 到 {kept.position}" for kept in manifest.journals) or "无"
    journals_en = "; ".join(f"{kept.folder} up to {kept.position}" for kept in manifest.journals) or "none"
    at = f"{format_time(manifest.began_at)[:19]}Z"
    lines = [
        Text(
            f"时间 {at}，Linli {manifest.linli}，{len(manifest.files)} 个文件，{size_of(manifest.size)}",
            f"of {at}, Linli {manifest.linli}, {len(manifest.files)} files, {size_of(manifest.size)}",
        ),
        _kept(Text("告警、台账、人员", "alerts, registry, people"), manifest.database),
        _kept(Text("读数与事件", "readings and events"), manifest.readings),
        Text(f"规则日志：{journals_zh}", f"the rules' journal: {journals_en}"),
    ]
    others = sorted(parts.keys() - {"linli.db", "readings.db", "rules", "VERSION", "settings.json", "files"})
    if others:
        names = ", ".join(others)
        lines.append(Text(f"还有：{names}", f"besides: {names}"))
    return lines


def _kept(what: Text, kept: Kept) -> Text:
    if not kept.included:
        return Text(
            f"{what.zh}：不在其中（{kept.kind}），须用它自己的工具备份",
            f"{what.en}: not in it ({kept.kind}), to be saved with its own tool",
        )
    revision = f", {kept.revision}" if kept.revision else ""
    return Text(f"{what.zh}：{kept.kind}{revision}", f"{what.en}: {kept.kind}{revision}")


def document(manifest: Manifest) -> dict[str, Any]:
    """The manifest as --json prints it: times are RFC 3339, without the list of files."""
    return {
        "linli": manifest.linli,
        "began_at": format_time(manifest.began_at),
        "made_at": format_time(manifest.made_at),
        "files": len(manifest.files),
        "bytes": manifest.size,
        "database": _kept_document(manifest.database),
        "readings": _kept_document(manifest.readings),
        "rules_position": manifest.rules_position,
        "journals": [
            {"folder": kept.folder, "snapshot": kept.snapshot, "position": kept.position} for kept in manifest.journals
        ],
    }


def _kept_document(kept: Kept) -> dict[str, Any]:
    return {"kind": kept.kind, "revision": kept.revision, "included": kept.included}


def print_json(said: dict[str, Any]) -> None:
    """One line on standard output."""
    print(json.dumps(said, ensure_ascii=False))
