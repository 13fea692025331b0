"""What somebody who is signed in tried and may not do, written down: once a minute for each person and route, so that nobody fills
the log by trying.
"""

import logging
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from linli.audit import Act, Outcome
from linli.auditwho import who_of
from linli.db.audit import append

EVERY_S = 60.0
_MOST = 10_000

_log = logging.getLogger(__name__)


def write_down(request: Request) -> None:
    """That the person of this request was refused. The answer does not depend on it: a database that fails is only logged."""
    person, services = getattr(request.state, "person", None), getattr(request.app.state, "services", None)
    if person is None or services is None:
        return
    route = str(getattr(request.scope.get("route"), "path", ""))
    if not _is_new(request.app.state, (person.id, request.method, route), services.clock.monotonic()):
        return
    facts = {"method": request.method, "route": route}
    act = Act("access.refused", who_of(person.id), outcome=Outcome.REFUSED, facts=facts)
    try:
        with services.database.whole().write() as connection:
            append(connection, act, services.clock.now())
    except SQLAlchemyError as error:
        _log.warning("a refusal is not written down: %s", str(error).partition("\n")[0][:300])


def _is_new(state: Any, key: tuple[str, str, str], now: float) -> bool:
    told: dict[tuple[str, str, str], float] = getattr(state, "refusals", {})
    if now - told.get(key, float("-inf")) < EVERY_S:
        return False
    if len(told) >= _MOST:
        told = {}
    told[key] = now
    state.refusals = told
    return True
