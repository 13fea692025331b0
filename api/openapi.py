"""The OpenAPI document: what FastAPI reads off the routes, made into something to build on.

Every operation says in a sentence what it does, who may do it, shows an example of what goes in and what comes out, and names
the problems that it may answer with (RFC 9457). The document is kept in docs/openapi.json, and a test compares the two, so that
no change of the contract goes unseen; `python -m api.openapi FILE` writes it anew.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.examples import example_of
from api.http import problems
from api.routing import DECLARED, EVERYBODY, PREFIX
from linli.errors import Conflict, NotAllowed, NotJson, NotSignedIn, TooMany
from linli.roles import OPERATIONS, ROLES, Operation

Json = dict[str, Any]

_SENTENCE_ENDS = (". ", ": ", "; ")
_ABOUT = """The REST API of Linli, the event-driven platform of a residential district.

Times are RFC 3339 in UTC. A text for people is an object with `zh` and `en`. Lists are read by cursor: pass `next` of one page
as `cursor` of the next. Problems are `application/problem+json` (RFC 9457): their `type` is stable, `detail` says what happened
and `action` what to do, in the language of `Accept-Language`. What lies outside your communities is answered like what does
not exist."""
_VALUES = ("example", "examples", "default", "enum", "const")
"""Where a schema holds values: a `title` there is somebody's."""

_WORDS = {
    401: "Not signed in",
    403: "Your role, or your token, does not allow this",
    404: "Not there, or not for you",
    409: "Not possible in this state",
    413: "The request is too large",
    415: "The body is not JSON, or does not say so",
    422: "The request is not valid",
    429: "Too many requests: see Retry-After",
    503: "Something that it needs does not answer: try again later",
}
_KINDS = {
    401: problems.KINDS[NotSignedIn],
    403: problems.KINDS[NotAllowed],
    404: problems.NOT_FOUND,
    409: problems.KINDS[Conflict],
    413: problems.TOO_LARGE,
    415: problems.KINDS[NotJson],
    422: problems.INVALID,
    429: problems.KINDS[TooMany],
    503: problems.DATABASE,
}
_WRITES = ("post", "put", "patch", "delete")
_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "New for each thing you want done, such as a UUID: the same request with the same key is done once, and answered "
    "as it was",
    "schema": {"type": "string", "pattern": '^"?[!#-~]{1,255}"?$', "maxLength": 257},
}
_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what you have read; `*` for whatever stands",
    "schema": {"type": "string"},
}
_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Reading: the `ETag` of what you have. Writing: `*`, for what is to be registered",
    "schema": {"type": "string"},
}
_LAST: Json = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The id of the last event you have: go on after it",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
}
_ETAG: Json = {"description": "Its version, for `If-Match` and `If-None-Match`", "schema": {"type": "string"}}
_RETRY: Json = {"description": "Seconds until it is worth while to ask again", "schema": {"type": "string"}}


def operation_id(route: APIRoute) -> str:
    """Short, and one of a kind, for those who generate clients: 'get_alerts', 'get_alerts_by_alert_id'."""
    steps = route.path_format.removeprefix(PREFIX).strip("/").split("/")
    words = [f"by_{step[1:-1]}" if step.startswith("{") else step.replace("-", "_") for step in steps]
    return "_".join([min(route.methods or {"GET"}).lower(), *words])


def install(app: FastAPI) -> None:
    """Let `app.openapi` give this document, made when it is first asked for (FastAPI says to put it in its place)."""

    def document() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def describe(app: FastAPI) -> Json:
    """The document of the application's routes."""
    document = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    components = document["components"]
    components["schemas"].pop("HTTPValidationError", None)
    components["schemas"].pop("ValidationError", None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token: `linli token new`"},
        "session": {"type": "apiKey", "in": "cookie", "name": "linli_session", "description": "`POST /sessions`"},
    }
    document["security"] = [{"token": []}, {"session": []}]
    components["responses"] = {f"Problem{status}": _problem(status, "") for status in (400, *_WORDS)}
    components["responses"]["Problem429"]["headers"] = {"Retry-After": _RETRY}
    for path, method, operation in _operations(document):
        _add_headers(path, method, operation)
        _describe(path, method, operation, components["schemas"])
    for part in (*components["schemas"].values(), *(operation for _, _, operation in _operations(document))):
        _leave_out_titles(part)
    document["tags"] = [{"name": tag} for tag in sorted({op["tags"][0] for _, _, op in _operations(document)})]
    return document


def _leave_out_titles(part: Any) -> None:
    """The name of a field or a parameter, written once more by who makes schemas, which says nothing."""
    if isinstance(part, list):
        for one in part:
            _leave_out_titles(one)
        return
    if not isinstance(part, dict):
        return
    if isinstance(part.get("title"), str):
        del part["title"]
    for name, within in part.items():
        if name == "properties":
            _leave_out_titles(list(within.values()))
        elif name not in _VALUES:
            _leave_out_titles(within)


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _add_headers(path: str, method: str, operation: Json) -> None:
    """Those that a middleware or `api.http.preconditions` reads, and no parameter of a route shows."""
    answers = operation["responses"]
    asked = [_KEY] if _takes_key(method, operation) else []
    if "428" in answers:
        asked.append(_MATCH)
    if "304" in answers or ("428" in answers and "201" in answers):
        asked.append(_NONE_MATCH)
    if path == f"{PREFIX}/stream":
        asked.append(_LAST)
    if asked:
        operation["parameters"] = [*operation.get("parameters", []), *asked]
    if "428" in answers or "304" in answers:
        for status in answers.keys() & {"200", "201", "304"}:
            answers[status]["headers"] = {"ETag": _ETAG}


def _takes_key(method: str, operation: Json) -> bool:
    return method in _WRITES and operation.get(DECLARED) != EVERYBODY


def _describe(path: str, method: str, operation: Json, schemas: Mapping[str, Json]) -> None:
    told = operation.get("description", "").strip()
    operation["summary"] = _first_sentence(told)
    operation["description"] = f"{told}\n\n{_for_whom(operation.get(DECLARED, ''))}".strip()
    operation["tags"] = [path.removeprefix(PREFIX).strip("/").split("/")[0]]
    for status in _problems_of(path, method, operation):
        known = operation["responses"].get(str(status), {})
        words = known.get("description", "")
        said = words if words not in ("", "Validation Error", _WORDS.get(status)) else ""
        operation["responses"][str(status)] = _problem(status, said) if said else _named(status)
    operation["responses"] = dict(sorted(operation["responses"].items()))
    for place in [operation.get("requestBody", {}), *operation["responses"].values()]:
        for kind, content in place.get("content", {}).items():
            if kind == "application/json" and "example" not in content and content.get("schema"):
                content["example"] = example_of(content["schema"], operation["operationId"], schemas)


def _first_sentence(told: str) -> str:
    first = " ".join(told.split())
    for end in _SENTENCE_ENDS:
        first = first.partition(end)[0]
    return first.rstrip(".")


def _for_whom(declared: str) -> str:
    if declared not in set(Operation):
        return "For everybody." if declared == EVERYBODY else "For whoever is signed in."
    operation = Operation(declared)
    may = ", ".join(duty.name.en.lower() for duty in ROLES.values() if operation in duty.operations)
    return f"Needs `{declared}` ({OPERATIONS[operation].en.lower()}): {may}."


def _problems_of(path: str, method: str, operation: Json) -> list[int]:
    """What it may answer besides what it says itself."""
    found = {int(status) for status in operation["responses"] if status.isdigit() and int(status) >= 400}
    declared = operation.get(DECLARED, "")
    found |= {422, 429, 503}  # 422: a parameter that it does not know
    if declared != EVERYBODY:
        found.add(401)
    if declared in set(Operation):
        found.add(403)
    if "{" in path:
        found.add(404)
    if "requestBody" in operation:
        found |= {400, 413}
        if "application/json" in operation["requestBody"]["content"]:
            found.add(415)
    if _takes_key(method, operation):
        found |= {400, 409}  # no key, one under way, one of another request
    return sorted(found)


def _named(status: int) -> Json:
    """The problem of that status, which is described once for all."""
    return {"$ref": f"#/components/responses/Problem{status}"}


def _problem(status: int, words: str) -> Json:
    kind = _KINDS.get(status, problems.BAD_BODY if status == 400 else problems.INTERNAL)
    example = {
        "type": problems.PREFIX + kind.name,
        "title": kind.title.en,
        "status": status,
        "detail": kind.title.en,
        "action": kind.action.en,
    }
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    content = {problems.MEDIA_TYPE: {"schema": schema, "example": example}}
    return {"description": words or _WORDS.get(status, kind.title.en), "content": content}
