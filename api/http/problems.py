"""Errors as RFC 9457 problem documents: a stable `type`, and what happened and what to do in the reader's language.

No answer ever holds a stack trace, or a word of an exception that was not written for people.
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.http.refusals import write_down
from linli.errors import (
    Conflict,
    LinliError,
    MatchMissing,
    NotAllowed,
    NotAnswering,
    NotFound,
    NotJson,
    NotSent,
    NotSignedIn,
    Outdated,
    Refused,
    StoreError,
    TooMany,
    UnknownParameter,
)
from linli.i18n import Text, preferred_language

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:linli:problem:"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem. `name` and `status` never change once published; `action` says what to do."""

    name: str
    status: int
    title: Text
    action: Text


_ASK = Text("如需要，请联系管理员", "ask an administrator if you need this")
_AGAIN = Text("请稍后再试", "try again later")
_CORRECT = Text("请更正后再试", "correct it and try again")

INVALID = Kind("invalid-request", 422, Text("请求的内容不对", "The request is not valid"), _CORRECT)
BAD_BODY = Kind("bad-body", 400, Text("请求的内容无法读取", "The request cannot be read"), _CORRECT)
TOO_LARGE = Kind("too-large", 413, Text("请求过大", "The request is too large"), Text("请缩短内容", "send less"))
NOT_FOUND = Kind(
    "not-found", 404, Text("没有找到", "Not found"), Text("请核对编号与地址", "check the id and the address")
)
WRONG_METHOD = Kind(
    "wrong-method",
    405,
    Text("该地址不接受这种请求", "This address does not take that method"),
    Text("见 Allow", "see Allow"),
)
CROSS_ORIGIN = Kind(
    "cross-origin",
    403,
    Text("拒绝来自其他网站的请求", "A request from another site is refused"),
    Text("请在 Linli 的页面上操作", "do this on a page of Linli itself"),
)
BAD_KEY = Kind(
    "bad-idempotency-key",
    400,
    Text("Idempotency-Key 不对", "The Idempotency-Key is not valid"),
    Text(
        "请使用 1 到 255 个可见的 ASCII 字符，例如一个 UUID", "give 1 to 255 visible ASCII characters, such as a UUID"
    ),
)
KEY_REUSED = Kind(
    "idempotency-key-reused",
    422,
    Text("此 Idempotency-Key 已用于另一个请求", "This Idempotency-Key was used for another request"),
    Text("新的请求请用新的键", "give a new request a new key"),
)
KEY_UNDER_WAY = Kind(
    "idempotency-key-under-way",
    409,
    Text("同一个键的请求正在处理", "A request with this key is being carried out"),
    Text("请稍后用同样的请求再试，将得到它的结果", "send the same again in a moment, and you get its answer"),
)
KEY_DONE = Kind(
    "idempotency-key-done",
    409,
    Text(
        "此 Idempotency-Key 的请求已经完成，其答复没有保留",
        "The request of this Idempotency-Key was done, and its answer is not kept",
    ),
    Text("请查看现状；要再做一次，请用新的键", "look at how things stand; to have it done once more give a new key"),
)
DATABASE = Kind("database", 503, Text("数据库没有应答", "The database does not answer"), _AGAIN)
INTERNAL = Kind(
    "internal",
    500,
    Text("Linli 内部出错", "Something went wrong inside Linli"),
    Text("请稍后再试；详情已记入日志", "try again later; the log has the details"),
)

KINDS: dict[type[LinliError], Kind] = {
    NotSignedIn: Kind(
        "not-signed-in",
        401,
        Text("尚未登录", "Not signed in"),
        Text("请登录，或使用有效的令牌", "sign in, or use a valid token"),
    ),
    NotAllowed: Kind("not-allowed", 403, Text("没有权限", "Not allowed"), _ASK),
    NotFound: NOT_FOUND,
    Conflict: Kind(
        "conflict",
        409,
        Text("当前状态不允许此操作", "Not possible in this state"),
        Text("请刷新后查看", "read it again"),
    ),
    Outdated: Kind(
        "precondition-failed",
        412,
        Text("已有改动", "Changed meanwhile"),
        Text("请重新读取，再用新的 ETag 修改", "read it again, and change it with the new ETag"),
    ),
    MatchMissing: Kind(
        "precondition-required",
        428,
        Text("须说明所读的版本", "Say which version you have read"),
        Text("请读取后把 ETag 放进 If-Match", "read it, and give its ETag as If-Match"),
    ),
    Refused: INVALID,
    UnknownParameter: Kind(
        "unknown-parameter",
        422,
        Text("有不认识的查询参数", "A query parameter is not known"),
        Text("请核对参数的拼写，或去掉它", "check how it is spelt, or leave it out"),
    ),
    NotJson: Kind(
        "not-json",
        415,
        Text("正文的类型不对", "The body is not of a type that is taken here"),
        Text("请发送 JSON，并注明 Content-Type: application/json", "send JSON, and say Content-Type: application/json"),
    ),
    TooMany: Kind(
        "too-many", 429, Text("请求过于频繁", "Too many requests"), Text("请等待后再试", "wait, then try again")
    ),
    NotAnswering: Kind(
        "rules-not-answering",
        503,
        Text("规则进程没有应答", "The rules process is not answering"),
        Text("操作已保存，稍后查看结果", "your action is stored; look again later"),
    ),
    NotSent: Kind("broker", 503, Text("消息服务器没有应答", "The broker does not answer"), _AGAIN),
    StoreError: Kind("store", 503, Text("读数库没有应答", "The store of readings does not answer"), _AGAIN),
}
"""By class; a subclass goes by its nearest base."""


def kind_of(error: LinliError) -> Kind:
    """The kind of problem that this error is."""
    return next((KINDS[base] for base in type(error).__mro__ if base in KINDS), INTERNAL)


def language_of(request: Request) -> str:
    """The language to answer in: what Accept-Language prefers, else the person's, else the installation's."""
    asked = preferred_language(request.headers.get("accept-language", ""))
    person = getattr(request.state, "person", None)
    return asked or (person.language if person else None) or request.app.state.language


def problem(
    request: Request, kind: Kind, detail: Text | None = None, *, headers: dict[str, str] | None = None, **more: object
) -> Response:
    """The answer for a problem of this kind."""
    language = language_of(request)
    document = _document(kind, detail, language)
    body = json.dumps(document | more)  # ASCII: a lone surrogate that somebody sent stays an escape
    fixed = {"content-language": language, "cache-control": "no-store"}
    if kind is TOO_LARGE:
        fixed["connection"] = "close"  # else the rest would be read to its end to reach the next request
    return Response(body, kind.status, media_type=MEDIA_TYPE, headers=fixed | (headers or {}))


def problem_of(request: Request, error: LinliError) -> dict[str, object]:
    """The document for an error of ours, as a part of a longer answer."""
    return _document(kind_of(error), error.text, language_of(request))


def _document(kind: Kind, detail: Text | None, language: str) -> dict[str, object]:
    return {
        "type": PREFIX + kind.name,
        "title": kind.title.of(language),
        "status": kind.status,
        "detail": (detail or kind.title).of(language),
        "action": kind.action.of(language),
    }


def install(app: FastAPI, language: str) -> None:
    """Answer every error of `app` with a problem document; `language` where neither request nor person says one."""
    app.state.language = language
    app.add_exception_handler(LinliError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, _unexpected)


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, LinliError)
    kind = kind_of(error)
    headers: dict[str, str] = {}
    more: dict[str, object] = {}
    if isinstance(error, TooMany):
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    if isinstance(error, NotSignedIn):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, Refused):
        more["reason"] = error.reason
    if isinstance(error, UnknownParameter):
        more |= {"unknown": error.unknown, "known": error.known}
    if isinstance(error, NotJson):
        headers["accept"] = "application/json"
    if isinstance(error, NotAllowed):
        write_down(request)
    return problem(request, kind, error.text, headers=headers, **more)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(fault) for fault in error.errors()[:20]]
    shown = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults)
    return problem(request, INVALID, Text(f"不对的是 {shown}", f"what is wrong: {shown}"), errors=faults)


def _fault(fault: Any) -> dict[str, str]:
    """Where and what, without the value: it may be a password."""
    return {"where": ".".join(str(step) for step in fault["loc"])[:200], "what": str(fault["msg"])[:200]}


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kinds = {400: BAD_BODY, 404: NOT_FOUND, 405: WRONG_METHOD, 413: TOO_LARGE}
    kind = kinds.get(error.status_code, BAD_BODY if error.status_code < 500 else INTERNAL)
    return problem(request, kind, headers=dict(error.headers or {}))


def _database(request: Request, error: Exception) -> Response:
    _log.error("the database failed: %s", error)
    return problem(request, DATABASE)


def _unexpected(request: Request, _error: Exception) -> Response:
    return problem(request, INTERNAL)  # the server logs the exception itself
