"""What is told of an import: how far it is, what is wrong, what it changes; as lines for people or as JSON."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import typer

from linli.i18n import Text
from linli.registry.changes import Key, name_of
from linli.registry.tables.faults import Fault, Level
from linli.registry.tables.importing import Change, Checked
from linli.registry.tables.listed import TABLES

if TYPE_CHECKING:
    from linli.db.registryimport import Plan

_EVERY_S = 0.2
_MOST_CHANGES = 100
_LEVELS = {
    Level.ERROR: Text("错误", "error"),
    Level.CONTRADICTION: Text("说法不一", "contradicted"),
    Level.NOTE: Text("请注意", "note"),
}


class Report:
    """Collects, and shows at the end; on a terminal a line says how far it is."""

    def __init__(self, file: Path, language: str, *, dry_run: bool, as_json: bool) -> None:
        self._file = file
        self._language = language
        self._dry_run = dry_run
        self._as_json = as_json
        self._on = sys.stderr.isatty() and not as_json
        self._shown = 0.0
        self._checked: Checked | None = None
        self._missing: Sequence[Key] = ()
        self._needed: Sequence[tuple[Key, Key]] = ()

    @property
    def errors(self) -> int:
        """How many there are because of which nothing is changed."""
        return (0 if self._checked is None else self._checked.faults.errors) + len(self._needed)

    def reading(self, kind: str, rows: int) -> None:
        """So many rows of a table are read."""
        self._line(Text(f"读取 {TABLES[kind].sheet.zh} {rows:,} 行", f"reading {TABLES[kind].sheet.en}: {rows:,} rows"))

    def preparing(self, items: int) -> None:
        """So many items that are new or changed are ready to be written."""
        self._line(Text(f"准备 {items:,} 项", f"preparing: {items:,} items"))

    def writing(self, rows: int) -> None:
        """So many rows of the database are written."""
        self._line(Text(f"写入 {rows:,} 行", f"writing: {rows:,} rows"))

    def again(self) -> None:
        """The registry was changed meanwhile."""
        self._clear()
        if not self._as_json:
            self._say(Text("登记刚被他人改动，重新检查", "the registry was changed meanwhile: checking anew"), err=True)

    def take(self, plan: "Plan") -> None:
        """What the file would do, what is to be removed, and what of that something refers to that stays."""
        self._checked, self._missing, self._needed = plan.checked, plan.going, plan.needed

    def show(self) -> None:
        """All of it."""
        self._clear()
        assert self._checked is not None
        if self._as_json:
            typer.echo(json.dumps(self._document(self._checked), ensure_ascii=False))
            return
        for level in (Level.ERROR, Level.CONTRADICTION, Level.NOTE):
            self._show_faults(self._checked, level)
        for key, other in self._needed:
            zh, en = name_of(key), name_of(other)
            said = Text(
                f"错误：不能移除{zh.zh}：{en.zh}引用它", f"error: {zh.en} cannot be removed: {en.en} refers to it"
            )
            self._say(said, err=True)
        if self._dry_run:
            self._show_changes(self._checked.changes)
        for key in self._missing:
            word = name_of(key)
            self._say(Text(f"移除{word.zh}（文件中没有）", f"removed, as it is not in the file: {word.en}"))
        self._show_counts(self._checked)

    def _show_faults(self, checked: Checked, level: Level) -> None:
        word = _LEVELS[level]
        for fault in checked.faults.of(level):
            told = fault.told()
            self._say(Text(f"{word.zh}：{told.zh}", f"{word.en}: {told.en}"), err=level is Level.ERROR)
        if left := checked.faults.left_out(level):
            self._say(Text(f"{word.zh}：另有 {left:,} 处", f"{word.en}: {left:,} more"), err=level is Level.ERROR)

    def _show_changes(self, changes: Sequence[Change]) -> None:
        for one in changes[:_MOST_CHANGES]:
            word = name_of(one.key)
            self._say(
                Text(
                    f"改动：{one.sheet} 第 {one.row} 行，{word.zh}，{one.field}：{one.before!r} → {one.after!r}",
                    f"change: {one.sheet} row {one.row}, {word.en}, {one.field}: {one.before!r} -> {one.after!r}",
                )
            )
        if len(changes) > _MOST_CHANGES:
            left = len(changes) - _MOST_CHANGES
            self._say(Text(f"改动：另有 {left:,} 处（--json 列出）", f"change: {left:,} more (--json lists them)"))

    def _show_counts(self, checked: Checked) -> None:
        for kind, one in checked.counts.items():
            sheet = TABLES[kind].sheet
            self._say(
                Text(
                    f"{sheet.zh}：{one.rows:,} 行，新增 {one.added:,}，改动 {one.changed:,}，无变化 {one.same:,}",
                    f"{sheet.en}: {one.rows:,} rows, {one.added:,} new, {one.changed:,} changed, {one.same:,} unchanged",
                )
            )
        if self.errors:
            said = Text(
                f"{self._file.name} 有 {self.errors:,} 处错误：什么也没有改",
                f"{self.errors:,} faults in {self._file.name}: nothing was changed",
            )
        elif self._dry_run:
            said = Text(
                "检查完毕，没有错误；什么也没有改（--dry-run）",
                "checked, nothing is wrong; nothing was changed (--dry-run)",
            )
        elif not checked.news and not self._missing:
            said = Text("没有变化", "nothing to change")
        else:
            said = Text("已导入", "imported")
        self._say(said, err=bool(self.errors))

    def _document(self, checked: Checked) -> dict[str, Any]:
        return {
            "file": self._file.name,
            "dry_run": self._dry_run,
            "imported": not self._dry_run and not self.errors,
            "tables": {kind: asdict(one) for kind, one in checked.counts.items()},
            "faults": [_plain(fault) for fault in checked.faults],
            "left_out": {level.value: checked.faults.left_out(level) for level in Level},
            "changes": [asdict(one) | {"key": list(one.key)} for one in checked.changes],
            "missing": [list(key) for key in self._missing],
            "needed": [[list(key), list(other)] for key, other in self._needed],
        }

    def _say(self, text: Text, *, err: bool = False) -> None:
        typer.echo(text.of(self._language), err=err)

    def _line(self, text: Text) -> None:
        now = monotonic()
        if self._on and now - self._shown >= _EVERY_S:
            self._shown = now
            print(f"\r\x1b[K{text.of(self._language)}", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _plain(fault: Fault) -> dict[str, Any]:
    return {
        "level": fault.level.value,
        "sheet": fault.sheet,
        "row": fault.row,
        "column": fault.column,
        "value": fault.value,
        "reason": fault.reason,
        "zh": fault.text.zh,
        "en": fault.text.en,
    }
