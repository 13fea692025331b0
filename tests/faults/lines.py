"""A reader of InfluxDB line protocol, written from its specification and not from what writes it.

docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference: `measurement,tag=value field=value timestamp`. In
measurements, tag keys and tag values a backslash stands before a comma, an equals sign or a space that is meant; a string
field is in quotes, with a backslash before a quote or a backslash; an integer ends in i; a line ends at a line feed that is
not within a string.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Value = float | int | bool | str
_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_INTEGER = re.compile(r"([+-]?\d+)i")
_FLAGS = {"t": True, "T": True, "true": True, "True": True, "TRUE": True} | {
    "f": False,
    "F": False,
    "false": False,
    "False": False,
    "FALSE": False,
}


class BadLine(ValueError):
    """Not line protocol."""


@dataclass(frozen=True, slots=True)
class Line:
    """One point. `tags` in the order of their keys."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: dict[str, Value]
    time: int

    @property
    def series(self) -> tuple[str, ...]:
        """What InfluxDB would make a series of."""
        return (self.measurement, *(f"{key}={value}" for key, value in self.tags))


def parse(text: str) -> list[Line]:
    """Every line of `text`; BadLine for anything else."""
    return [_line(line) for line in _split(text, "\n", strings=True) if line]


def _line(line: str) -> Line:
    parts = list(_split(line, " ", strings=True))
    if len(parts) != 3:
        raise BadLine(f"{len(parts)} parts: {line[:200]!r}")
    measurement, *tags = _split(parts[0], ",", strings=False)
    if not measurement or not re.fullmatch(r"-?\d+", parts[2]):
        raise BadLine(line[:200])
    pairs = dict(_pair(tag) for tag in tags)
    if len(pairs) != len(tags):
        raise BadLine(f"a tag is given twice: {line[:200]!r}")
    fields = dict(_pair(field) for field in _split(parts[1], ",", strings=True))
    return Line(
        _bare(measurement),
        tuple(sorted((_bare(key), _bare(value)) for key, value in pairs.items())),
        {_bare(key): _value(value) for key, value in fields.items()},
        int(parts[2]),
    )


def _split(text: str, mark: str, *, strings: bool) -> Iterator[str]:
    """The parts between unescaped marks; with `strings`, a mark within quotes is none."""
    part: list[str] = []
    within = escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif strings and letter == '"':
            within = not within
        elif letter == mark and not within:
            yield "".join(part)
            part.clear()
            continue
        part.append(letter)
    if within:
        raise BadLine(f"a string does not end: {text[:200]!r}")
    yield "".join(part)


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key or not value or key.endswith("\\"):
        raise BadLine(f"not key=value: {text[:200]!r}")
    return key, value


def _bare(text: str) -> str:
    return re.sub(r"\\([,= ])", r"\1", text)


def _value(text: str) -> Value:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    if (found := _INTEGER.fullmatch(text)) is not None:
        return int(found[1])
    if _FLOAT.fullmatch(text) is not None:
        return float(text)
    if text in _FLAGS:
        return _FLAGS[text]
    raise BadLine(f"no value: {text[:200]!r}")
