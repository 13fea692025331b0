"""Who says what of a device, settled where they disagree; and what stood where it is."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace

from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from api.console import texts as console_texts
from api.console.layout import Node
from api.console.registry import texts
from api.console.registry.pieces import button, reload
from api.console.registry.words import field_name, source_words, value_words
from api.console.rows import full_moment
from api.console.visit import Visit, person_now
from api.directory import Names
from api.registry.service import RegistryService, Shown
from api.scope import may
from api.services import Services
from linli.db.people import Person
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import JsonValue
from linli.registry.changes import Key
from linli.registry.facts import Claim, Fact, stale_from
from linli.registry.kinds import Item
from linli.registry.model import Device, Installation
from linli.roles import Operation


def facts_panel(
    facts: Mapping[str, Fact], shown: Shown, visit: Visit, services: Services, registry: RegistryService
) -> None:
    """Each field with its source; what is contradicted first."""
    language = visit.language
    with Node("section", classes="panel", data_test="facts"):
        Node("h2", texts.FACTS.of(language))
        if not facts:
            Node("p", texts.NO_FACTS.of(language), "muted")
            return
        if any(fact.against for fact in facts.values()):
            Node("p", texts.FACTS_HELP.of(language), "muted")
        panel = _Facts(shown, visit, services, registry)
        with Node("ul", classes="fact-list"):
            for name in sorted(facts, key=lambda one: (not facts[one].against, one)):
                panel.fact(name, facts[name])


class _Facts:
    """Draws facts, and settles them."""

    def __init__(self, shown: Shown, visit: Visit, services: Services, registry: RegistryService) -> None:
        self._shown = shown
        self._visit = visit
        self._services = services
        self._registry = registry
        self._language = visit.language
        self._names: Names = services.sights.of(visit.person).names
        item = shown.kept.item
        assert isinstance(item, Device)
        self._device = item
        self._zone = visit.zone(item.community)
        self._may = may(visit.person, Operation.EDIT_REGISTRY) and shown.kept.removed_at is None

    def fact(self, name: str, fact: Fact) -> None:
        """One line."""
        language = self._language
        since = stale_from("device" if hasattr(self._device, name) else "equipment", name, fact)
        stale = since is not None and since <= self._services.clock.now()
        with Node("li", data_fact=name):
            with Node("div"):
                Node("span", field_name(name).of(language), "muted")
                Node("b", self._value(name, fact.value))
                if fact.against:
                    Node("span", texts.CONTRADICTED.of(language), "tag tag-bad")
                if stale:
                    Node("span", texts.STALE.of(language), "tag")
            Node("small", self._source(fact.source, fact.at, fact.confidence), "muted")
            for source, claim in fact.against.items():
                self._against(name, source, claim)
            if self._may and (fact.against or stale):
                button(texts.CONFIRM, language, "confirm-fact", lambda: self._settle(self._confirm, name))

    def _against(self, name: str, source: str, claim: Claim) -> None:
        language, value = self._language, self._value(name, claim.value)
        said = texts.AGAINST.format(
            source=source_words(source, language),
            value=value,
            when=full_moment(claim.at, self._zone),
            confidence=f"{claim.confidence:.0%}",
        )
        with Node("div", classes="against"):
            Node("small", said.of(language))
            if self._may:
                word = texts.TAKE.format(value=value)
                button(word, language, "take-fact", lambda: self._settle(self._take, name, claim.value))

    def _value(self, name: str, value: JsonValue) -> str:
        return value_words("device", name, value, self._names, self._zone, self._language)

    def _source(self, source: str, at: int, confidence: float) -> str:
        when, called = full_moment(at, self._zone), source_words(source, self._language)
        return texts.SOURCE.format(source=called, when=when, confidence=f"{confidence:.0%}").of(self._language)

    async def _settle(self, do: Callable[..., None], *given: JsonValue) -> None:
        def act() -> None:
            do(person_now(self._services, self._visit, acting=True), *given)

        try:
            await asyncio.to_thread(act)
        except LinliError as error:
            ui.notify(error.text.of(self._language))
        except SQLAlchemyError:
            ui.notify(console_texts.TRY_AGAIN.of(self._language))
        else:
            reload()

    def _confirm(self, person: Person, name: str) -> None:
        self._registry.confirm(person, Key("device", self._device.id), [name])

    def _take(self, person: Person, name: str, value: JsonValue) -> None:
        """What another source says is what counts from now on."""
        parts: list[Item] = [self._device]
        if self._shown.equipment is not None:
            parts.append(self._shown.equipment)
        changed = [_with(part, name, value) for part in parts]
        self._registry.write(person, Key("device", self._device.id), changed, self._shown.kept.revision)


def _with(item: Item, name: str, value: JsonValue) -> Item:
    """The item with another value of the field, if it has one."""
    if name not in {field.name for field in fields(item)}:
        return item
    taken = Text(str(value["zh"]), str(value["en"])) if isinstance(value, dict) else value
    return replace(item, **{name: taken})  # type: ignore[arg-type]


def installations_panel(stood: Sequence[Installation], visit: Visit, services: Services, community: str) -> None:
    """What stands there, and what stood there before."""
    language, zone = visit.language, visit.zone(community)
    names = services.sights.of(visit.person).names
    with Node("section", classes="panel", data_test="stood"):
        Node("h2", texts.STOOD.of(language))
        with Node("ol", classes="log"):
            for one in stood:
                unknown = texts.WHEN_UNKNOWN.of(language)
                since = unknown if one.since is None else full_moment(one.since, zone)
                until = None if one.until is None else full_moment(one.until, zone)
                with Node("li", classes="by-person" if one.until is None else ""):
                    serial = one.serial or texts.NO_SERIAL.of(language)
                    Node("b", " · ".join(part for part in (serial, one.model) if part))
                    lasted = texts.STANDS_SINCE if until is None else texts.STOOD_FROM
                    who = names.person(one.actor)
                    said = lasted.format(since=since, until=until).of(language)
                    with Node("div"):
                        Node("small", said + (f" · {who}" if who else ""))
                    if one.reason:
                        Node("q", one.reason)
