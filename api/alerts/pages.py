"""Pages of alerts as JSON, made quickly: an alert is put into JSON once for each time it was written, and kept.

A page is asked for far more often than an alert changes. So a list reads only which alerts there are, at which revision
(`linli.db.alertlist`), and those that are not kept at that revision are read and rendered. Kept text holds names: when one of
them has changed (`Names.edition`), it is made anew. It is the same for everybody who sees the alert, because an alert's names
are those within its own community.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from api.bodies import alert_body
from api.http.paging import Page, page_of
from api.sight import Sight
from linli.db.alertlist import AlertLists, Listed, Wanted
from linli.model import Alert

MAX_KEPT_BYTES = 64 * 1024 * 1024
"""Some 40,000 alerts: more than a district has open."""


class _Kept(NamedTuple):
    revision: int
    edition: int
    text: bytes


class AlertPages:
    """Safe to call from several threads."""

    def __init__(self, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def page(self, sight: Sight, wanted: Wanted, limit: int, after: tuple[int, str] | None) -> Page[bytes]:
        """The JSON of each alert of the page, the last opened first; the key of what follows is (opened_at, id)."""
        lists = AlertLists(sight.database)
        lines = page_of(lists.page(wanted, limit + 1, after), limit, lambda line: (line.opened_at, line.id))
        texts = self._texts(sight, lists, lines.items)
        return Page([texts[line.id] for line in lines.items if line.id in texts], lines.following)

    def _texts(self, sight: Sight, lists: AlertLists, lines: Sequence[Listed]) -> dict[str, bytes]:
        found = self._take(lines, sight.names.edition)
        missing = [line.id for line in lines if line.id not in found]
        for alert_id, (revision, alert) in lists.read(missing).items() if missing else ():
            found[alert_id] = self._render(sight, alert, revision)
        return found

    def _take(self, lines: Sequence[Listed], edition: int) -> dict[str, bytes]:
        found = {}
        with self._lock:
            for line in lines:
                kept = self._kept.get(line.id)
                if kept is not None and kept.revision == line.revision and kept.edition == edition:
                    self._kept.move_to_end(line.id)
                    found[line.id] = kept.text
        return found

    def _render(self, sight: Sight, alert: Alert, revision: int) -> bytes:
        text = alert_body(sight.names.alert(alert)).model_dump_json().encode()
        with self._lock:
            self._forget(alert.id)
            self._kept[alert.id] = _Kept(revision, sight.names.edition, text)
            self._bytes += len(text)
            while self._bytes > self._max_bytes:
                self._forget(next(iter(self._kept)))
        return text

    def _forget(self, alert_id: str) -> None:
        gone = self._kept.pop(alert_id, None)
        if gone is not None:
            self._bytes -= len(gone.text)
