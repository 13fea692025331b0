"""YAML files that people write (rules, mappings, scenarios): read into typed structures, faults told by file and line."""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml

from linli.errors import ConfigError
from linli.i18n import Text
from linli.misfits import Misfit, convert

T = TypeVar("T")

_TAB = re.compile(r" *\t")
_MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 50


class Source:
    """A YAML text with the line of each of its nodes."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        if len(text) > _MAX_BYTES:
            raise ConfigError(Text(f"超过 {_MAX_BYTES} 字节", f"larger than {_MAX_BYTES} bytes"), file=file)
        try:
            _check_shape(file, text)
            self._node = yaml.compose(text, Loader=yaml.CSafeLoader)
            self.value: Any = yaml.load(text, Loader=_Loader)  # noqa: S506  (a CSafeLoader underneath)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else None
            raise ConfigError(_not_yaml(error.problem or "not YAML", text, line), file=file, line=line) from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            said = str(error)[:200]
            raise ConfigError(Text(f"不是有效的 YAML：{said}", f"not valid YAML: {said}"), file=file) from None

        if self._node is None:
            raise ConfigError(Text("文件是空的", "the file is empty"), file=file, line=1)

    def line(self, *path: str | int) -> int:
        """The line, from 1, of what lies at `path` (keys and indexes), or of the nearest thing around it."""
        node, line = self._node, 1
        for step in path:
            below = _child(node, step)
            if below is None:
                break
            node, line = below
        return line

    def fault(self, text: Text, *path: str | int) -> ConfigError:
        """A ConfigError that blames what lies at `path`."""
        return ConfigError(text, file=self.file, line=self.line(*path))

    def convert(self, kind: type[T]) -> T:
        """The whole file as a `kind` (a msgspec.Struct with forbid_unknown_fields); ConfigError for what does not fit."""
        try:
            return convert(self.value, kind)
        except Misfit as error:
            raise self.fault(error.text, *error.path) from None


def load(file: Path, kind: type[T]) -> tuple[T, Source]:
    """Read `file` as a `kind`, with its Source for later faults. ConfigError if it cannot be read or does not fit."""
    source = open_source(file)
    return source.convert(kind), source


def open_source(file: Path) -> Source:
    """The file's YAML, unconverted."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        said = error.strerror or str(error)
        raise ConfigError(Text(f"读不了：{said}", f"cannot be read: {said}"), file=file) from None
    except UnicodeDecodeError:
        raise ConfigError(Text("不是 UTF-8 文本", "is not UTF-8 text"), file=file) from None
    return Source(file, text)


def _not_yaml(said: str, text: str, line: int | None) -> Text:
    lines = text.split("\n")
    if line is not None and line <= len(lines) and _TAB.match(lines[line - 1]):
        return Text("缩进里有制表符，YAML 只能用空格缩进", "indented with a tab; YAML is indented with spaces only")
    return Text(f"不是有效的 YAML：{said}", f"not valid YAML: {said}")


class _Loader(yaml.CSafeLoader):
    """YAML 1.1 as PyYAML has it, but a key given twice is an error, 23:00 is a text and not the number 1380, 1e3 is a
    number, and .nan and .inf are not."""


def _check_shape(file: Path, text: str) -> None:
    """Refuse, before anything is built, what would take the process down: depth overflows the C stack of PyYAML's
    composer, and a few lines of aliases of aliases unfold into any size."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(Text("不支持别名（*名字）", "aliases (*name) are not taken"), file=file, line=line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise ConfigError(
                Text(f"嵌套超过 {_MAX_DEPTH} 层", f"nested deeper than {_MAX_DEPTH} levels"), file=file, line=line
            )


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if type(key) is int:  # the number of an item of a list, as in `when: {1: ...}`
            key = key_node.value
        if not isinstance(key, str):
            raise yaml.MarkedYAMLError(problem=f"key {key!r} is not a text; quote it", problem_mark=key_node.start_mark)
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=key_node.start_mark)
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in rules if not tag.endswith((":timestamp", ":int", ":float", ":bool"))]
    for letter, rules in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false|True|False)$"), list("tfTF"))


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item, item.start_mark.line + 1
    return None
