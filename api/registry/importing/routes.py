"""Files of tables over REST: sent, checked, applied; and the registry as a file."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, StreamingResponse

from api.bodies import Id, ProblemBody, When
from api.http.paging import Cursor, Limit, Listed, Page, cut, following, read_cursor
from api.http.problems import language_of
from api.registry.importing import bodies
from api.registry.importing.kept import UNDER_WAY, Fault, Import, Wish
from api.registry.importing.service import MOST_NAME, Export, ImportService
from api.registry.person_bodies import Reason
from api.routing import Signed, needs
from api.services import Services
from linli.auditwords import PURPOSES
from linli.clock import format_time
from linli.i18n import Language, Text
from linli.registry.tables.inert import made_inert
from linli.roles import Operation

_IMPORTS = "/registry/imports"
_One = Annotated[str, Path(max_length=64)]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SENT: dict[str, Any] = {
    _XLSX: _BINARY,
    "text/csv": _BINARY,
    "application/zip": _BINARY,
    "application/octet-stream": _BINARY,
}
_UNDER_WAY: dict[int | str, dict[str, Any]] = {
    409: {"model": ProblemBody, "description": "It, or another, is under way, or it has faults"}
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {_XLSX: {}, "application/zip": {}}}
}
_CSV: dict[int | str, dict[str, Any]] = {200: {"description": "The file", "content": {"text/csv": {}}}}
_Lang = Annotated[Language | None, Query(description="Of headings and words; else that of Accept-Language, or yours")]
_MEDIA = {"xlsx": _XLSX, "zip": "application/zip"}
_HEADINGS = (
    Text("级别", "Level"),
    Text("表", "Sheet"),
    Text("行", "Row"),
    Text("列", "Column"),
    Text("内容", "Value"),
    Text("问题与办法", "What is wrong, and what to do"),
    Text("代码", "Code"),
)


def add_routes(router: APIRouter, services: Services) -> None:
    """All of them."""
    _add_sending(router, services)
    _add_looking(router, services.imports)
    _add_found(router, services.imports)
    _add_files(router, services)


def _add_sending(router: APIRouter, services: Services) -> None:
    imports = services.imports

    @router.post(
        _IMPORTS, status_code=202, response_model=bodies.ImportBody, **_takes_files(needs(Operation.EDIT_REGISTRY))
    )
    async def send(
        request: Request,
        response: Response,
        person: Signed,
        file: Annotated[
            str, Query(min_length=1, max_length=MOST_NAME, description="What it is called: its end says what it is")
        ],
        table: Annotated[
            str | None, Query(max_length=64, description="What a single CSV file is, if not called so")
        ] = None,
        source: Annotated[
            str, Query(max_length=64, description="Whose word it is; else the file's name. `person` settles it")
        ] = "",
        as_of: Annotated[When | None, Query(description="Of when it is; now, if not said")] = None,
        confidence: Annotated[float, Query(ge=0, le=1, description="How sure its source is")] = 0.8,
        remove_missing: Annotated[bool, Query(description="What a table of it leaves out is removed")] = False,
    ) -> Any:
        """Send a file of tables: it is checked, and nothing is changed. At most 64 MB; kept for an hour."""
        wish = Wish(file, source, services.clock.now() if as_of is None else as_of, table, confidence, remove_missing)
        one, path = await run_in_threadpool(imports.receive, person, wish)
        try:
            with path.open("wb") as out:
                async for chunk in request.stream():
                    await run_in_threadpool(out.write, chunk)
        except BaseException:
            imports.drop(one)
            raise
        one = await run_in_threadpool(imports.check, person, one)
        response.headers["location"] = f"{router.prefix}{_IMPORTS}/{one.id}"
        return _body(imports, one)

    @router.post(
        f"{_IMPORTS}/{{import_id}}/apply",
        status_code=202,
        response_model=bodies.ImportBody,
        responses=_UNDER_WAY,
        **needs(Operation.EDIT_REGISTRY),
    )
    def apply(import_id: _One, person: Signed) -> Any:
        """Apply an import: it is checked once more and written, all of it or nothing. One at a time."""
        return _body(imports, imports.apply(person, import_id))


def _add_looking(router: APIRouter, imports: ImportService) -> None:
    edits = needs(Operation.EDIT_REGISTRY)

    @router.get(_IMPORTS, response_model=Listed[bodies.ImportBody], **edits)
    def listed(request: Request, response: Response, person: Signed, limit: Limit = 100, cursor: Cursor = None) -> Any:
        """Your imports, by id."""
        after = None if cursor is None else read_cursor(_IMPORTS, cursor, (str,))
        ordered = sorted(imports.all(person), key=lambda one: one.id)
        page = cut(ordered, limit, lambda one: (one.id,), after)
        items = [_body(imports, one) for one in page.items]
        return {"items": items, "next": following(_IMPORTS, page, request, response)}

    @router.get(f"{_IMPORTS}/{{import_id}}", response_model=bodies.ImportBody, **edits)
    def one(import_id: _One, person: Signed) -> Any:
        """One import: how far it is, what is wrong and what it would change."""
        return _body(imports, imports.get(person, import_id))

    @router.delete(f"{_IMPORTS}/{{import_id}}", status_code=204, responses=_UNDER_WAY, **edits)
    def remove(import_id: _One, person: Signed) -> None:
        """Remove an import and its file; one that is under way is ended, and nothing of it is written."""
        imports.remove(person, import_id)


def _add_found(router: APIRouter, imports: ImportService) -> None:
    edits = needs(Operation.EDIT_REGISTRY)

    def page_of(
        name: str,
        read: Callable[[int], Page[tuple[int, Any]]],
        cursor: str | None,
        request: Request,
        response: Response,
    ) -> Any:
        page = read(0 if cursor is None else int(read_cursor(name, cursor, (int,))[0]))
        return {"items": [line for _, line in page.items], "next": following(name, page, request, response)}

    @router.get(f"{_IMPORTS}/{{import_id}}/faults", response_model=Listed[bodies.FaultBody], **edits)
    def faults(
        import_id: _One, request: Request, response: Response, person: Signed, limit: Limit = 100, cursor: Cursor = None
    ) -> Any:
        """What is wrong with the file, by sheet, row and column, and what to do; errors first."""
        return page_of(
            "faults", lambda after: imports.faults(person, import_id, limit, after), cursor, request, response
        )

    @router.get(f"{_IMPORTS}/{{import_id}}/changes", response_model=Listed[bodies.ChangeBody], **edits)
    def changes(
        import_id: _One, request: Request, response: Response, person: Signed, limit: Limit = 100, cursor: Cursor = None
    ) -> Any:
        """What would get another value, or be removed."""
        return page_of(
            "changes", lambda after: imports.changes(person, import_id, limit, after), cursor, request, response
        )

    @router.get(f"{_IMPORTS}/{{import_id}}/faults.csv", response_class=StreamingResponse, responses=_CSV, **edits)
    def fault_file(import_id: _One, request: Request, person: Signed, lang: _Lang = None) -> StreamingResponse:
        """All that is wrong with the file, as a file of its own for who mends it."""
        lines = _as_csv(imports.every_fault(person, import_id), lang or language_of(request))
        headers = {"content-disposition": 'attachment; filename="linli-import-faults.csv"'}
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _add_files(router: APIRouter, services: Services) -> None:
    imports = services.imports

    @router.get("/registry/template", response_class=FileResponse, responses=_FILE, **needs(Operation.EDIT_REGISTRY))
    def template(request: Request, person: Signed, lang: _Lang = None) -> FileResponse:
        """An empty workbook to fill in: headings that say what belongs below them, and words to choose from."""
        path = imports.template(person, lang or language_of(request))
        return FileResponse(
            path,
            media_type=_XLSX,
            filename="linli-registry-template.xlsx",
            background=BackgroundTask(imports.dispose, path),
        )

    @router.get("/registry/export", response_class=FileResponse, responses=_FILE, **needs(Operation.EXPORT))
    def export(
        request: Request,
        person: Signed,
        kind: Annotated[
            str, Query(alias="format", pattern="^(xlsx|zip)$", description="Excel, or a zip of CSV")
        ] = "xlsx",
        lang: _Lang = None,
        community: Id | None = None,
        persons: Annotated[
            bool, Query(description="With households and residents, in full; takes the right to it")
        ] = False,
        purpose: Annotated[str, Query(pattern=f"^({'|'.join(PURPOSES)})?$", description="What for, with persons")] = "",
        reason: Reason = "",
    ) -> FileResponse:
        """The registry within your reach as a file that can be imported again. Logged."""
        wanted = Export(kind, lang or language_of(request), community, persons, purpose, reason)
        path = imports.export(person, wanted)
        return FileResponse(
            path,
            media_type=_MEDIA[kind],
            filename=f"linli-registry-{format_time(services.clock.now())[:10]}.{kind}",
            background=BackgroundTask(imports.dispose, path),
        )


def _takes_files(arguments: dict[str, Any]) -> dict[str, Any]:
    """A route's arguments, with a file as its body in the document."""
    extra = arguments["openapi_extra"] | {"requestBody": {"required": True, "content": _SENT}}
    return arguments | {"openapi_extra": extra}


def _body(imports: ImportService, one: Import) -> bodies.ImportBody:
    return bodies.import_body(one, imports.progress(one) if one.state in UNDER_WAY else None)


def _as_csv(faults: Iterator[Fault], language: str) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)

    def taken() -> bytes:
        data = text.getvalue().encode()
        text.seek(0)
        text.truncate()
        return data

    yield b"\xef\xbb\xbf"
    writer.writerow([heading.of(language) for heading in _HEADINGS])
    for fault in faults:
        said = (fault.level, fault.sheet, fault.row, fault.column, fault.value, fault.text.of(language), fault.reason)
        writer.writerow([made_inert(cell) if isinstance(cell, str) else cell for cell in said])
        if text.tell() > 65_536:
            yield taken()
    yield taken()
