"""The JSON of imports."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.bodies import Moment, TextBody
from api.registry.importing.kept import Import, Progress, State
from linli.registry.tables.faults import Level


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


def _as_text(value: Any) -> Any:
    return None if value is None else {"zh": value.zh, "en": value.en}


_Text = Annotated[TextBody, BeforeValidator(_as_text)]


class TableBody(_Out):
    """Of one table of the file: its rows, and what becomes of what they are about."""

    table: str
    rows: int
    added: int
    changed: int
    same: int


class ProgressBody(_Out):
    """How far it is: rows read of a table, or with `table` null items written."""

    table: str | None
    done: int


class ImportBody(_Out):
    """An import. `errors`: while there are any, it cannot be applied; `contradictions` and `notes` are to be looked at; `unlisted`
    faults were only counted. `changed`: fields that get another value; `removed`: items that the file leaves out. `ready`: it may
    be applied. `why`: what was in the way. After `until` it is gone, and its file with it."""

    id: str
    state: State
    file: str
    size: int
    table: str | None
    source: str
    as_of: Moment
    confidence: float
    remove_missing: bool
    sent_at: Moment
    until: Moment
    applied_at: Moment | None
    progress: ProgressBody | None
    tables: list[TableBody]
    errors: int
    contradictions: int
    notes: int
    unlisted: int
    changed: int
    removed: int
    ready: bool
    items: int = Field(description="Written, once it is applied")
    why: TextBody | None


class FaultBody(_Out):
    """A fault of the file. `row` counts from 1, the headings, as spreadsheets do; 0: the sheet as a whole. `column`: its heading as
    it stands in the file. `reason`: a stable code; `text`: what is wrong, and what to do."""

    level: Level
    sheet: str
    row: int
    column: str
    value: str
    reason: str
    text: _Text


class ChangeBody(_Out):
    """A field that gets another value; with `removed`, an item that the file leaves out. What is personal is masked."""

    kind: str
    id: str
    sheet: str
    row: int
    field: str
    before: str
    after: str
    removed: bool


def import_body(one: Import, progress: Progress | None) -> ImportBody:
    """An import as JSON has it. `progress`: while it is under way."""
    found, wish = one.found, one.wish
    told = {
        name: getattr(found, name) for name in ("errors", "contradictions", "notes", "unlisted", "changed", "removed")
    }
    own = {
        name: getattr(one, name) for name in ("id", "state", "size", "sent_at", "until", "applied_at", "ready", "items")
    }
    wished = {
        name: getattr(wish, name) for name in ("file", "table", "source", "as_of", "confidence", "remove_missing")
    }
    tables = [
        TableBody(table=kind, rows=some.rows, added=some.added, changed=some.changed, same=some.same)
        for kind, some in found.tables.items()
    ]
    shown = None if progress is None else ProgressBody(table=progress.table, done=progress.done)
    why = _as_text(one.why)
    return ImportBody.model_validate(told | own | wished | {"tables": tables, "progress": shown, "why": why})
