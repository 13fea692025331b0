"""What is known of somebody, drawn: each field with its value, and in full also who says so, when, how surely, and who says otherwise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.console.layout import Node
from api.console.persons import texts
from api.console.rows import full_moment, moment
from api.console.visit import Visit
from api.registry.persons import File
from linli.db.registryhistory import Past
from linli.db.registryitems import Kept
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.facts import Fact
from linli.registry.inhabitants import CONTACT_KINDS, CREDENTIAL_KINDS, HOUSEHOLD_KINDS, PURPOSES, RELATIONS, SEXES
from linli.registry.kinds import kind_of

WORDS: Mapping[tuple[str, str], Mapping[str, Text]] = {
    ("person", "sex"): SEXES,
    ("resident", "relation"): RELATIONS,
    ("contact", "kind"): CONTACT_KINDS,
    ("credential", "kind"): CREDENTIAL_KINDS,
    ("consent", "purpose"): PURPOSES,
    ("household", "kind"): HOUSEHOLD_KINDS,
}
"""Fields whose values are words."""

Buttons = Callable[[Kept], None]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws into where it is called. `addresses`: of homes, by place."""

    visit: Visit
    now: int
    addresses: Mapping[str, Text]

    def say(self, text: Text) -> str:
        """In the reader's language."""
        return text.of(self.visit.language)

    def value(self, kind: str, name: str, value: Any) -> str:
        """A value of a field as people read it."""
        if value is None or value == "":
            if name == "until":
                return self.say(texts.STILL_THEIRS if kind == "credential" else texts.STILL_THERE)
            return self.say(texts.NOT_KNOWN)
        if isinstance(value, bool):
            return self.say(texts.GIVEN if value else texts.WITHDRAWN)
        if name in ("verified_at", "at") and isinstance(value, int):
            return moment(value, self.visit.zone(""), self.now)
        word = WORDS.get((kind, name), {}).get(str(value))
        return str(value) if word is None else self.say(word)

    def field(self, kept: Kept, name: str, facts: Mapping[str, Fact]) -> None:
        """One field with its name."""
        kind = kind_of(kept.item)
        Node("dt", self.say(texts.FIELDS_OF.get((kind, name), texts.FIELDS[name])))
        with Node("dd", data_field=name):
            Node("span", self.value(kind, name, getattr(kept.item, name)))
            self.fact(kind, name, facts.get(name))

    def fact(self, kind: str, name: str, fact: Fact | None) -> None:
        """Who says so, and who says otherwise."""
        if fact is None:
            return
        source = self._source(fact.source)
        when = moment(fact.confirmed, self.visit.zone(""), self.now)
        said = texts.SAID_BY.format(source=source, when=when, sure=f"{fact.confidence:.0%}")
        Node("small", self.say(said), "muted said-by")
        for other, claim in fact.against.items():
            against = texts.AGAINST.format(value=self.value(kind, name, claim.value), source=self._source(other))
            Node("small", self.say(against), "against", data_test="against")

    def _source(self, source: str) -> Text:
        return texts.SOURCES.get(source, Text(source, source))

    def facts(self, file: File, kept: Kept, names: Sequence[str]) -> None:
        """Some fields of an item."""
        facts = file.facts.get(Key(kind_of(kept.item), kept.item.id), {})
        with Node("dl", classes="facts"):
            for name in names:
                self.field(kept, name, facts)

    def section(
        self,
        title: Text,
        file: File,
        items: Sequence[Kept],
        names: Sequence[str],
        name: str,
        buttons: Buttons | None,
        heading: Callable[[Kept], None] | None = None,
    ) -> None:
        """A list of items of a person, each with its fields. `buttons` draws what can be done with one."""
        with Node("section", classes="panel", data_test=name):
            Node("h2", self.say(title))
            if not items:
                Node("p", self.say(texts.NONE), "muted")
            for kept in items:
                with Node("div", classes="part", data_item=kept.item.id):
                    if heading is not None:
                        heading(kept)
                    self.facts(file, kept, names)
                    if buttons is not None:
                        with Node("div", classes="acts"):
                            buttons(kept)

    def history(self, changes: Sequence[Past], name_of: Callable[[str], str]) -> None:
        """Every change of somebody's own record, the newest first."""
        with Node("section", classes="panel spaced", data_test="history"):
            Node("h2", self.say(texts.HISTORY_OF))
            for past in changes:
                with Node("div", classes="part"):
                    who = name_of(past.actor) if past.actor else (past.source or "-")
                    when = full_moment(past.at, self.visit.zone(""))
                    Node("div", self.say(texts.CHANGED_BY.format(when=when, who=who)), "muted")
                    self._change(past)

    def _change(self, past: Past) -> None:
        if past.removed:
            Node("b", self.say(texts.GONE))
            return
        before, after = past.before or {}, past.after or {}
        for name, words in texts.FIELDS.items():
            if name in after and before.get(name) != after[name]:
                was, became = (self.value("person", name, some.get(name)) for some in (before, after))
                with Node("div"):
                    Node("span", f"{self.say(words)}: ", "muted")
                    if past.before is not None:
                        Node("span", was)
                        Node("span", " → ", "muted")
                    Node("b", became)

    def looks(
        self, looks: Sequence[Mapping[str, Any]], name_of: Callable[[str], str], word_of: Callable[[str], Text]
    ) -> None:
        """Who looked, when and what for."""
        with Node("section", classes="panel", data_test="looks"):
            Node("h2", self.say(texts.LOOKS))
            if not looks:
                Node("p", self.say(texts.NO_LOOKS), "muted")
            for look in looks:
                with Node("div", classes="part look"):
                    Node("span", full_moment(look["at"], self.visit.zone("")), "muted")
                    Node("b", name_of(look["actor"]))
                    Node("span", self.say(word_of(look["purpose"] or look["verb"])))
