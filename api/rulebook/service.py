"""The rules in force as people read them: in words, what is different somewhere, and which devices they watch.

Read from the rule files, like the rules process does, whenever one of them has changed. A fault in them leaves what was read
before: that is also what rules goes by.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.directory import Names
from api.rulebook.words import also_words, different_words
from api.scope import demand, may
from api.sight import Sights
from linli.clock import Clock
from linli.db.people import Person
from linli.db.registry import RegistrySnapshot
from linli.errors import ConfigError, NotFound
from linli.i18n import Text
from linli.model import Device, Severity
from linli.roles import Operation
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, kind_name, route_name
from rules.language.load import CATALOGUE, OVERRIDES, RuleBook, load_book
from rules.language.model import Clause, Override, Rule
from rules.language.overrides import Overrides, clashes, effective, places_around
from rules.language.wording import describe

LOOK_EVERY_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClauseView:
    """One way in which a rule comes true, in words, and how bad it is then."""

    words: Text
    severity: Severity


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule in words. `route`: whom it is for; `also`: what else becomes of its alerts (worse with many devices, confirmed, told
    again, how long it waits for stragglers). `open_alerts`: how many of it stand within the reader's scope."""

    id: str
    title: Text
    severity: Severity
    life_safety: bool
    latched: bool
    subject: str
    source: Text
    route: tuple[Text, ...]
    device_kinds: tuple[Text, ...]
    facility_kinds: tuple[Text, ...]
    clauses: tuple[ClauseView, ...]
    also: tuple[Text, ...]
    advice: Text
    steps: tuple[Text, ...]
    open_alerts: int


@dataclass(frozen=True, slots=True)
class OverrideView:
    """What the rule is like somewhere, with what is different around there too. `kind`: community, place or device, of which
    `where` is the id. `off`: it does not watch there; else `severity` and `clauses` are what it is there, and `also` what else
    is different. `passed_over`: why it does not count for some device, since it makes no sense over those around it."""

    kind: str
    where: str
    where_name: Text
    off: bool
    change: Mapping[str, Any]
    severity: Severity
    clauses: tuple[ClauseView, ...]
    also: tuple[Text, ...]
    reason: str
    passed_over: Text | None


@dataclass(frozen=True, slots=True)
class RuleDetail:
    """A rule with what overrides it, and the devices that it watches, by id; both as far as the reader sees them."""

    view: RuleView
    overrides: tuple[OverrideView, ...]
    devices: tuple[Device, ...]


class RuleFiles:
    """The rules in the folders, read again when a file has changed. Safe to call from several threads."""

    def __init__(self, folder: Path | None, overrides: Path | None, clock: Clock) -> None:
        self._folder = folder
        self._overrides = overrides
        self._clock = clock
        self._lock = threading.Lock()
        self._book = RuleBook(())
        self._fault: Text | None = None
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self._next_look = float("-inf")

    def book(self) -> RuleBook:
        """The rules as they are, or as they were before a fault got into the files."""
        with self._lock:
            self._look()
            return self._book

    def fault(self) -> Text | None:
        """What is wrong in the files, with file and line; None if nothing is."""
        with self._lock:
            self._look()
            return self._fault

    def _look(self) -> None:
        now = self._clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_S
        seen = tuple(sorted(self._stamps()))
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._book, self._fault = load_book(self._folder, self._overrides), None
        except ConfigError as error:
            _log.warning("the rules are not read again: %s", error.text.en)
            self._fault = error.text

    def _stamps(self) -> Iterator[tuple[str, int, int]]:
        """Each file with its time and size."""
        own = CATALOGUE if self._folder is None else self._folder
        for folder in (own, own / OVERRIDES, self._overrides):
            for file in folder.glob("*.y*ml") if folder is not None else ():
                try:
                    found = file.stat()
                except OSError:
                    continue
                yield str(file), found.st_mtime_ns, found.st_size


class RuleService:
    """Rules as people see them: right and scope first."""

    def __init__(self, files: RuleFiles, sights: Sights) -> None:
        self._files = files
        self._sights = sights

    def all(self, person: Person) -> list[RuleView]:
        """Every rule, the worst first, then by id."""
        demand(person, Operation.SEE)
        counts = self._sights.of(person).alerts.count_open_by_rule()
        views = [view_of(rule, counts.get(rule.id, 0)) for rule in self._files.book().rules]
        return sorted(views, key=lambda view: (view.severity.rank, view.id))

    def get(self, person: Person, rule_id: str) -> RuleDetail:
        """One rule; NotFound if there is none of that id."""
        demand(person, Operation.SEE)
        book, sight = self._files.book(), self._sights.of(person)
        names = sight.names
        rule = next((rule for rule in book.rules if rule.id == rule_id), None)
        if rule is None:
            raise NotFound(Text(f"没有规则 {rule_id:.64}", f"there is no rule {rule_id:.64}"))
        mine = [override for override in book.overrides if override.rule == rule_id]
        index = Overrides(mine)
        passed_over = _passed_over(rule, mine, names.registry)
        overrides = (
            _override(rule, override, index, names, passed_over.get(id(override)))
            for override in mine
            if _sees(person, override, names)
        )
        count = sight.alerts.count_open_by_rule().get(rule_id, 0)
        devices = watched(rule, mine, names.registry)
        return RuleDetail(view_of(rule, count), tuple(overrides), tuple(devices))

    def fault(self, person: Person) -> Text | None:
        """What is wrong in the rule files, so that a change of them does not count; told to those who see the platform."""
        return self._files.fault() if may(person, Operation.SEE_PLATFORM) else None

    def find(self, rule_id: str) -> Rule | None:
        """The rule itself, None if there is none of that id."""
        return next((rule for rule in self._files.book().rules if rule.id == rule_id), None)


def view_of(rule: Rule, open_alerts: int) -> RuleView:
    """The rule in words."""
    wanted = rule.applies_to
    return RuleView(
        id=rule.id,
        title=rule.title.text,
        severity=rule.severity,
        life_safety=rule.life_safety,
        latched=rule.latched,
        subject=rule.subject,
        source=rule.source_text,
        route=tuple(map(route_name, rule.route)),
        device_kinds=tuple(kind_name(DEVICE_KINDS, kind) for kind in wanted.device_kinds),
        facility_kinds=tuple(kind_name(FACILITY_KINDS, kind) for kind in wanted.facility_kinds),
        clauses=_clauses(rule),
        also=tuple(also_words(rule)),
        advice=rule.advice.text,
        steps=tuple(step.text for step in rule.steps),
        open_alerts=open_alerts,
    )


def watched(rule: Rule, overrides: list[Override], registry: RegistrySnapshot) -> Iterator[Device]:
    """The devices that the rule watches, by id: those of its kinds for which a clause is meant, where it is not off."""
    index = Overrides(overrides)
    known: dict[tuple[int, ...], Rule | None] = {(): rule}  # by the identity of those that hold: they have no hash
    for device in sorted(registry.devices.values(), key=lambda device: device.id):
        if device.kind not in rule.applies_to.device_kinds:
            continue
        kinds = rule.applies_to.facility_kinds
        if kinds and _facility_kind(device, registry) not in kinds:
            continue
        chain = index.chain(device, registry)
        key = tuple(map(id, chain))
        if key not in known:
            known[key] = effective(rule, chain)
        there = known[key]
        if there is not None and any(_meant(clause, device, registry) for clause in there.when):
            yield device


def _meant(clause: Clause, device: Device, registry: RegistrySnapshot) -> bool:
    only = clause.only
    if only is None:
        return True
    return (
        (not only.device_kinds or device.kind in only.device_kinds)
        and (not only.facility_kinds or _facility_kind(device, registry) in only.facility_kinds)
        and (not only.place_kinds or not _place_kinds(device, registry).isdisjoint(only.place_kinds))
    )


def _place_kinds(device: Device, registry: RegistrySnapshot) -> set[str]:
    """Of its place and of those around it, as the engine has it."""
    places = (registry.places.get(name) for name in places_around(device.place, registry))
    return {place.kind for place in places if place is not None}


def _facility_kind(device: Device, registry: RegistrySnapshot) -> str | None:
    facility = registry.facilities.get(device.facility or "")
    return None if facility is None else facility.kind


def _passed_over(rule: Rule, overrides: list[Override], registry: RegistrySnapshot) -> dict[int, Text]:
    """Why overrides do not count, by their identity; one alone goes with its rule, or its file were not taken."""
    if len(overrides) < 2:
        return {}
    return {id(override): why for override, why in clashes([rule], overrides, registry)}


def _override(rule: Rule, override: Override, index: Overrides, names: Names, passed_over: Text | None) -> OverrideView:
    where = override.where
    there = effective(rule, index.under(override, names.registry))
    kind, name = next(
        (kind, name)
        for kind, name in (("community", where.community), ("place", where.place), ("device", where.device))
        if name is not None
    )
    called = {"community": names.community, "place": names.place, "device": names.device}[kind]
    return OverrideView(
        kind,
        name,
        called(name),
        off=there is None,
        change=override.change,
        severity=rule.severity if there is None else there.severity,
        clauses=() if there is None else _clauses(there),
        also=() if there is None else tuple(different_words(rule, there)),
        reason=override.reason,
        passed_over=passed_over,
    )


def _sees(person: Person, override: Override, names: Names) -> bool:
    """Whether it is of somewhere in the person's scope; who sees all sees also those of what is not registered."""
    where, registry = override.where, names.registry
    found = registry.places.get(where.place or "") or registry.devices.get(where.device or "")
    community = where.community or (None if found is None else found.community)
    return person.communities is None if community is None else person.sees(community)


def _clauses(rule: Rule) -> tuple[ClauseView, ...]:
    return tuple(ClauseView(describe(clause), rule.severity_of(number)) for number, clause in enumerate(rule.when))
