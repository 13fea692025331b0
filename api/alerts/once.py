"""What makes an act on an alert the same act when its request comes again.

An act is kept before rules answers, also where rules then does not answer in time (503). Who asks again with the same
`Idempotency-Key` means that act, and learns what became of it: its id is made of the key and the request.
"""

from typing import Annotated

from fastapi import Depends, Request

from api.routing import Signed
from linli.db.idempotency import hash_of


async def _once(request: Request, person: Signed) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    parts = {"person": person.id, "key": key.strip('"'), "path": request.url.path}
    return hash_of(parts, await request.body())


Once = Annotated[str | None, Depends(_once)]
"""The parameter of a route that acts on alerts: what a repeat of the request has in common with it. None: it has no key."""
