"""The audit log in the console: for auditors and administrators. A plain form and links, so that a search can be kept and sent on;
what an entry says beyond a line is there to be opened. Nothing here changes anything.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from api.audit.service import AuditService, AuditView, Standing, build_audit
from api.console import audit_texts as texts
from api.console.layout import Node
from api.console.opening import Answer, Opened, Pages
from api.console.rows import full_moment
from api.console.visit import Visit
from api.http.paging import Page
from linli.audit import NOBODY
from linli.auditwords import kind_name, purpose_name, verb_name
from linli.clock import DAY, SECOND
from linli.db.audit import Search
from linli.i18n import Text
from linli.roles import Operation

PATH = "/audit"
SHOWN = 50
_ITEMS = 3
_FIELD = 100


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the form says, as it was typed. `before`: of an older page, below which number."""

    who: str = ""
    what: str = ""
    about: str = ""
    since: str = ""
    until: str = ""
    refused: str = ""
    before: str = ""

    def link(self, **other: str) -> str:
        """The same page with something else."""
        asked = replace(self, **other)
        said = {name: value for name in self.__slots__ if (value := getattr(asked, name))}
        return PATH + (f"?{urlencode(said)}" if said else "")


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services
    audit = build_audit(services)

    @pages.page(PATH, Operation.READ_AUDIT)
    async def log(
        opened: Opened,
        who: str = "",
        what: str = "",
        about: str = "",
        since: str = "",
        until: str = "",
        refused: str = "",
        before: str = "",
    ) -> Answer:
        visit = opened.visit
        given = (who, what, about, since, until, refused, before)
        asked = _Asked(*(one.strip()[:_FIELD] for one in given))
        standing = await asyncio.to_thread(audit.standing, visit.person)
        found = await asyncio.to_thread(_read, audit, visit, asked)
        with opened.frame(texts.AUDIT_TITLE, PATH):
            _Log(visit, asked).draw(standing, found)
        return None


def _read(audit: AuditService, visit: Visit, asked: _Asked) -> Page[AuditView] | None:
    """The page that is asked for; None for a date that is none."""
    zone = visit.zone("")
    try:
        since = _day(asked.since, zone)
        until = _day(asked.until, zone)
    except ValueError:
        return None
    search = Search(
        actor=audit.account_named(asked.who) if asked.who else None,
        verb=asked.what if asked.what in texts.GROUPS else None,
        item=audit.account_named(asked.about) if asked.about else None,
        outcome="refused" if asked.refused else None,
        since=since,
        until=None if until is None else until + DAY,
    )
    before = int(asked.before) if asked.before.isascii() and asked.before.isdigit() else None
    return audit.page(visit.person, search, SHOWN, before)


def _day(text: str, zone: ZoneInfo) -> int | None:
    """The beginning of that day; None for no text."""
    if not text:
        return None
    return round(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone).timestamp() * SECOND)


class _Log:
    """The page, for one visit."""

    def __init__(self, visit: Visit, asked: _Asked) -> None:
        self._language = visit.language
        self._zone = visit.zone("")
        self._asked = asked

    def draw(self, standing: Standing, found: Page[AuditView] | None) -> None:
        """All of it."""
        with Node("div", classes="board-head"):
            Node("h1", self._say(texts.AUDIT_TITLE))
            self._standing(standing)
            Node("p", self._say(texts.AUDIT_HELP), "muted")
        self._form()
        if found is None:
            Node("div", self._say(texts.BAD_DATE), "fault-line", role="alert")
        elif not found.items:
            Node("div", self._say(texts.NOTHING), "panel")
        else:
            with Node("ul", classes="rows", data_test="audit"):
                for view in found.items:
                    self._row(view)
        self._pages(found)

    def _say(self, text: Text) -> str:
        return text.of(self._language)

    def _standing(self, standing: Standing) -> None:
        if standing.fault is None:
            Node("span", self._say(texts.WHOLE), "tag tag-ok", title=self._say(texts.VERIFY), data_test="whole")
            return
        said = texts.NOT_WHOLE.format(fault=standing.fault)
        Node("div", f"{self._say(said)}. {self._say(texts.VERIFY)}", "fault-line", role="alert", data_test="not-whole")

    def _form(self) -> None:
        asked = self._asked
        with Node("form", classes="audit-form panel", method="get", action=PATH):
            self._field("who", texts.WHO, asked.who, hint=texts.WHO_HINT)
            self._choice()
            self._field("about", texts.ABOUT, asked.about, hint=texts.ABOUT_HINT)
            self._field("since", texts.SINCE, asked.since, kind="date")
            self._field("until", texts.UNTIL, asked.until, kind="date")
            with Node("label", classes="pick"):
                box = Node("input", type="checkbox", name="refused", value="1")
                if asked.refused:
                    box.props["checked"] = True
                Node("span", self._say(texts.REFUSED_ONLY))
            Node("button", self._say(texts.SEARCH), "btn btn-main", type="submit", data_test="search")

    def _field(self, name: str, text: Text, value: str, *, hint: Text | None = None, kind: str = "text") -> None:
        with Node("label", classes="field"):
            Node("span", self._say(text))
            placeholder = "" if hint is None else self._say(hint)
            Node("input", type=kind, name=name, value=value, placeholder=placeholder, maxlength=str(_FIELD))

    def _choice(self) -> None:
        with Node("label", classes="field"):
            Node("span", self._say(texts.WHAT))
            with Node("select", name="what"):
                for value, word in {"": texts.EVERYTHING, **texts.GROUPS}.items():
                    option = Node("option", self._say(word), value=value)
                    if value == self._asked.what:
                        option.props["selected"] = True

    def _pages(self, found: Page[AuditView] | None) -> None:
        with Node("div", classes="list-head"):
            if self._asked.before:
                Node("a", self._say(texts.NEWEST), "btn", href=self._asked.link(before=""))
            if found is not None and found.following is not None:
                older = self._asked.link(before=str(found.following[0]))
                Node("a", self._say(texts.OLDER), "btn", href=older, data_test="older")

    def _row(self, view: AuditView) -> None:
        entry = view.entry
        refused = entry.outcome == "refused"
        with Node("li", classes="row-g" + (" refused" if refused else ""), data_entry=str(entry.seq)):
            Node("div", full_moment(entry.at, self._zone), "g-when muted")
            Node("div", self._say(actor_words(view)), "g-who")
            with Node("div", classes="g-what"):
                with Node("div"):
                    Node("b", self._say(verb_name(entry.verb)))
                    if refused:
                        Node("span", self._say(texts.REFUSED), "tag")
                    Node("span", self._about(view), "muted")
                why = [self._say(purpose_name(entry.purpose)), view.reason or ""]
                if any(why):
                    Node("div", " · ".join(part for part in why if part), "g-why")
                with Node("details"):
                    Node("summary", f"{self._say(texts.NUMBER)} {entry.seq}", "muted")
                    self._facts(view)

    def _about(self, view: AuditView) -> str:
        entry = view.entry
        if not entry.ids:
            return ""
        some = ", ".join(view.names.get(one, one) for one in entry.ids[:_ITEMS])
        more = len(entry.ids) - _ITEMS
        end = self._say(texts.MORE_ITEMS.format(n=more)) if more > 0 else ""
        return f"{self._say(kind_name(entry.kind))} {some}{end}"

    def _facts(self, view: AuditView) -> None:
        entry = view.entry
        told: list[tuple[Text, str]] = [
            (texts.WORD, entry.verb),
            (texts.WHO, entry.actor),
            (texts.FROM, view.address or ""),
            (texts.SESSION, entry.credential),
            (texts.ITEMS, ", ".join(entry.ids)),
            (texts.COMMUNITY, entry.community or ""),
            (texts.PURPOSE, self._say(purpose_name(entry.purpose))),
            (texts.REASON, view.reason or ""),
            (texts.FACTS, _json(entry.facts)),
            (texts.DETAILS, _json(view.details)),
            (texts.ERASED, ", ".join(self._say(texts.TEXTS[name]) for name in view.erased if name in texts.TEXTS)),
            (texts.HASH, entry.hash),
        ]
        with Node("dl", classes="facts"):
            for name, value in told:
                if value:
                    Node("dt", self._say(name))
                    Node("dd", value, "g-value")


def actor_words(view: AuditView) -> Text:
    """Who it was, for people."""
    actor = view.entry.actor
    before, _, name = actor.partition(":")
    if before == "system":
        return texts.LINLI_ITSELF.format(process=name)
    if before == "cli":
        return texts.AT_MACHINE.format(name=name)
    if actor == NOBODY:
        return texts.NOBODY
    shown = view.names.get(actor, actor)
    return Text(shown, shown)


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(dict(value), ensure_ascii=False) if value else ""
