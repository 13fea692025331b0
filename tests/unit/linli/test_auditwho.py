"""Who acts, from where: noted where a request begins, read where its act is written, and never another's."""

import asyncio
import threading

from linli.audit import Who
from linli.auditwho import NOBODY_ASKED, Came, beginning, recognised, who_of


def test_outside_of_any_request_only_what_the_writer_knows_is_known() -> None:
    """A worker's own thread, a test."""
    assert who_of("p1", "10.0.0.9") == Who("p1", "10.0.0.9")
    assert who_of() == Who("nobody")
    assert who_of(NOBODY_ASKED) == Who("system:linli")
    recognised("p1", "s1")
    assert who_of() == Who("nobody")


def test_what_becomes_known_later_counts_for_all_of_the_request() -> None:
    """The session is recognised in a thread of its own, as the API does it."""

    async def request() -> Who:
        with beginning(Came("10.0.0.9")):
            await asyncio.to_thread(recognised, "p1", "s1")
            return await asyncio.to_thread(who_of, NOBODY_ASKED)

    assert asyncio.run(request()) == Who("p1", "10.0.0.9", "s1")
    assert who_of() == Who("nobody")


def test_requests_side_by_side_are_not_mixed_up() -> None:
    """Each in its own context."""
    found: dict[str, Who] = {}
    ready = threading.Barrier(2)

    async def request(name: str) -> None:
        with beginning(Came(f"10.0.0.{name}")):
            recognised(f"p{name}", f"s{name}")
            await asyncio.to_thread(ready.wait)
            found[name] = who_of(f"p{name}")

    async def both() -> None:
        await asyncio.gather(request("1"), request("2"))

    asyncio.run(both())
    assert found == {name: Who(f"p{name}", f"10.0.0.{name}", f"s{name}") for name in ("1", "2")}


def test_a_credential_is_never_put_down_to_somebody_else() -> None:
    """The writer names another than the one whose session it is: as when somebody signs in on another's page."""
    with beginning(Came("10.0.0.9")):
        recognised("p1", "s1")
        assert who_of("p2") == Who("p2", "10.0.0.9", "")
