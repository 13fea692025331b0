"""What a column and a table are, and what their cells hold; `linli.registry.tables.listed` has them all."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from linli.i18n import Text


class Type(StrEnum):
    """What a cell of a column holds."""

    TEXT = "text"
    CODE = "code"
    """Digits and letters whose leading zeros count: a room, a serial number."""
    PHONE = "phone"
    ID = "id"
    WORD = "word"
    NUMBER = "number"
    WHOLE = "whole"
    YES = "yes"
    DAY = "day"
    BORN = "born"
    TIME = "time"
    ONE = "one"
    """Another thing, by its name or id."""
    MANY = "many"
    """Several, with semicolons or commas between them."""


TYPES: Mapping[Type, Text] = {
    Type.TEXT: Text("文字", "text"),
    Type.CODE: Text("编号（文字）", "a number, as text"),
    Type.PHONE: Text("电话（文字）", "a telephone number, as text"),
    Type.ID: Text("标识", "an id"),
    Type.WORD: Text("所列词之一", "one of the words"),
    Type.NUMBER: Text("数", "a number"),
    Type.WHOLE: Text("整数", "a whole number"),
    Type.YES: Text("是或否", "yes or no"),
    Type.DAY: Text("日期", "a day"),
    Type.BORN: Text("年、年月或日期", "a year, month or day"),
    Type.TIME: Text("日期或时间", "a day or time"),
    Type.ONE: Text("名称或标识", "a name or id"),
    Type.MANY: Text("若干名称或标识", "names or ids, with ; between"),
}
"""What each is called."""


@dataclass(frozen=True, slots=True)
class Column:
    """`note`: what stands there, for people. `required`: a new item cannot do without. `words`: those of a WORD, by the word
    that is kept. `refers`: the kind that a ONE or MANY leads to. `part`: the kind of the item beside the table's own that it
    is a field of. `also`: more headings that are understood."""

    name: str
    heading: Text
    type: Type
    note: Text
    required: bool = False
    words: Mapping[str, Text] | None = None
    refers: str = ""
    part: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The table of a kind (`linli.registry.kinds`, and 'holiday'). `file`: what it is called as a file; `sheet`: in a workbook."""

    kind: str
    file: str
    sheet: Text
    columns: tuple[Column, ...]
    personal: bool = False

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def has(self, name: str) -> bool:
        """Whether there is a column of that name."""
        return any(column.name == name for column in self.columns)


CLEAR = "-"
"""What a cell says that is to be empty: an empty one says nothing, and leaves what is registered as it is."""

LEFT_OUT = "#"
"""What a heading or the name of a sheet begins with that is not for Linli."""
