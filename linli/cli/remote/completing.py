"""What the shell offers after a Tab: ids with what they are, asked of the server within moments. Whatever is in the way - no
token, no server, a refusal - is no place for words: then nothing is offered.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from linli.i18n import shell_language

if TYPE_CHECKING:
    from linli.client import Client

MOST = 200
TIMEOUT_S = 2.0

Offers = list[tuple[str, str]]


def alert_ids(incomplete: str) -> Offers:
    """Open alerts."""
    language = shell_language().value
    return _offered(
        incomplete, lambda linli: ((alert.id, alert.title.of(language)) for alert in islice(linli.alerts(), MOST))
    )


def device_ids(incomplete: str) -> Offers:
    """Devices; of very many those that come first."""
    language = shell_language().value
    return _offered(
        incomplete, lambda linli: ((device.id, device.name.of(language)) for device in islice(linli.devices(), MOST))
    )


def webhook_ids(incomplete: str) -> Offers:
    """One's webhooks."""
    return _offered(incomplete, lambda linli: ((hook.id, hook.name) for hook in islice(linli.webhooks(), MOST)))


def change_kinds(incomplete: str) -> Offers:
    """What can happen to an alert."""
    from api.words import CHANGES

    return [(kind, str(text)) for kind, text in CHANGES.items() if kind.startswith(incomplete)]


def _offered(incomplete: str, read: "Callable[[Client], Iterable[tuple[str, str]]]") -> Offers:
    from linli.cli.remote.connection import connected
    from linli.errors import LinliError

    found: Offers = []
    with suppress(LinliError), connected(timeout_s=TIMEOUT_S, tries=1) as linli:
        found.extend((one, what) for one, what in read(linli) if one.startswith(incomplete))
    return found
