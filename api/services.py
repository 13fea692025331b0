"""What Linli can be asked by people: the one layer under both the REST routes and the console.

Every method takes the person who asks, and applies right and scope first: what lies outside the person's communities
is answered like what does not exist. All are synchronous and safe to call from several threads; call them on a thread
pool from async code. Times are microseconds since 1970 UTC.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence

from api.alerts.bulk import Acts, Done
from api.alerts.filters import AlertFilter
from api.alerts.live import AlertHub
from api.alerts.pages import AlertPages
from api.arming.service import ArmingService, PlaceView
from api.commands.sending import CommandDesk
from api.commands.service import CommandService, CommandView
from api.directory import Directory
from api.facilities.service import FacilityReader
from api.http.paging import Key, Page, page_of
from api.named import check_subject, community_of, no_such
from api.platform import own_troubles, read_health
from api.registry.importing.service import ImportService, build_imports
from api.registry.persons import Look
from api.rulebook.service import RuleFiles, RuleService
from api.scope import demand
from api.sight import Sight, Sights
from api.stored import StoreReader
from api.swipes import MASKED, check_look, of_events, of_evidence, write_down
from api.views import (
    AlertDetail,
    AlertView,
    DeviceView,
    EventView,
    FacilityDetail,
    FacilityView,
    HealthView,
)
from api.webhooks.service import WebhookService, build_webhooks
from linli.charts import Chart, Series, Shape
from linli.clock import DAY, Clock
from linli.datafolder import DataFolder
from linli.db.alertlist import Wanted
from linli.db.commands import SqlCommands
from linli.db.database import Database
from linli.db.people import People, Person
from linli.db.scoping import GuardedDatabase, guarded
from linli.errors import Refused
from linli.i18n import Text
from linli.model import ActionKind, Alert, Community, Severity
from linli.ports import Bucket, EventKey, MqttClient, ReadingStore
from linli.roles import Operation
from linli.sealing import Seals
from linli.settings import Settings

MAX_LIMIT = 1000
MAX_POINTS = 2000
MAX_RANGE = 366 * DAY
MAX_COMMENT = 2000
MAX_SHELVE = 7 * DAY
"""What is shelved comes back by itself: for longer, the rule is wrong or the device broken."""


class Services:
    """All that the API and the console offer. `live` tells what happens; `people` signs in; `commands` tells devices what
    to do; `arming` the modes of places; `rules` the rules in words; `webhooks` tells others; `imports` takes
    files into the registry; `clock` and `settings` are those of this installation."""

    def __init__(
        self,
        database: GuardedDatabase,
        clock: Clock,
        settings: Settings,
        people: People,
        sights: Sights,
        live: AlertHub,
        commands: CommandService,
        arming: ArmingService,
        rules: RuleService,
        webhooks: WebhookService,
        imports: ImportService,
    ) -> None:
        self.database = database
        self.clock = clock
        self.settings = settings
        self.people = people
        self.live = live
        self.commands = commands
        self.arming = arming
        self.rules = rules
        self.webhooks = webhooks
        self.imports = imports
        self.sights = sights
        self._facilities = FacilityReader(clock)
        self._pages = AlertPages()
        self._acts = Acts(clock)

    def _sight(self, person: Person) -> Sight:
        """What the person sees, once they may see anything."""
        demand(person, Operation.SEE)
        return self.sights.of(person)

    def start(self) -> None:
        """Begin the live stream, to hear what becomes of commands, to send what webhooks owe, and to keep imports tidy."""
        self.live.start()
        self.commands.desk.start()
        self.webhooks.sender.start()
        self.imports.start()

    def stop(self) -> None:
        """End all of them. Stopping twice is allowed."""
        self.live.stop()
        self.commands.desk.stop()
        self.webhooks.sender.stop()
        self.imports.stop()

    # --- alerts ---------------------------------------------------------------------------------------------------

    def alerts(
        self, person: Person, *, open_only: bool = True, subject: str | None = None, limit: int = 100
    ) -> list[AlertView]:
        """Alerts within the person's scope, the last opened first; at most MAX_LIMIT."""
        sight = self._sight(person)
        found = sight.alerts.find(open_only=open_only, subject=subject, limit=max(1, min(limit, MAX_LIMIT)))
        return [sight.names.alert(alert) for alert in found]

    def alert_page(self, person: Person, asked: AlertFilter, limit: int, after: Key | None = None) -> Page[bytes]:
        """Alerts as JSON, a page of `limit` (at most MAX_LIMIT). `after`: the (opened_at, id) where the page before ended."""
        wanted = self.wanted_alerts(person, asked)
        begin = None if after is None else (int(after[0]), str(after[1]))
        return self._pages.page(self._sight(person), wanted, max(1, min(limit, MAX_LIMIT)), begin)

    def wanted_alerts(self, person: Person, asked: AlertFilter) -> Wanted:
        """What these filters ask for; NotFound for a community or a subject that the person does not see (`api.named`)."""
        sight = self._sight(person)
        within = None if asked.community is None else frozenset((community_of(sight, "community", asked.community),))
        if asked.subject is not None:
            check_subject(sight, asked.subject)
        return Wanted(within, asked.open_only, asked.severities, asked.rules, asked.subject, asked.since, asked.until)

    def alert(self, person: Person, alert_id: str, look: Look = MASKED) -> AlertDetail:
        """The alert with its evidence and history; NotFound outside the person's scope. In full (`look`) it is written down."""
        sight = self._sight(person)
        check_look(person, look)
        detail = sight.names.detail(_alert(sight, alert_id), sight.alerts.changes(alert_id), full=look.full)
        if look.full:
            write_down(sight, look, of_evidence(detail), self.clock.now(), {"alert": alert_id})
        return detail

    def open_counts(self, person: Person) -> dict[Severity, int]:
        """How many alerts are open within the person's scope, for every severity."""
        return self._sight(person).alerts.count_open()

    def acknowledge(self, person: Person, alert_id: str, comment: str = "", once: str | None = None) -> AlertView:
        """Say that the person has taken the alert up. Doing so twice changes nothing: the first one stands.

        NotFound outside the scope; Conflict if it is closed; NotAnswering if rules has not applied it within 3 s (the act
        is kept, and applied when rules is back). `once`: what a repeat has in common with the first (`api.alerts.once`).
        """
        return self._act(person, alert_id, ActionKind.ACKNOWLEDGE, _tidy(comment), once=once)

    def close(self, person: Person, alert_id: str, reason: str, once: str | None = None) -> AlertView:
        """Close the alert. Refused without a reason; otherwise like `acknowledge`."""
        tidy = _tidy(reason)
        _check_reason(ActionKind.CLOSE, tidy)
        return self._act(person, alert_id, ActionKind.CLOSE, tidy, once=once)

    def shelve(self, person: Person, alert_id: str, until: int, reason: str, once: str | None = None) -> AlertView:
        """Set the alert aside until `until`; then it comes back by itself.

        Refused without a reason, or for a time that has passed or is more than MAX_SHELVE ahead; Conflict for life safety;
        otherwise like `acknowledge`.
        """
        tidy = _tidy(reason)
        _check_reason(ActionKind.SHELVE, tidy)
        self._check_until(until)
        return self._act(person, alert_id, ActionKind.SHELVE, tidy, until, once)

    def unshelve(self, person: Person, alert_id: str, comment: str = "", once: str | None = None) -> AlertView:
        """Take the alert up again before its time. Conflict if it is not shelved; otherwise like `acknowledge`."""
        return self._act(person, alert_id, ActionKind.UNSHELVE, _tidy(comment), once=once)

    def arm(self, person: Person, place: str, mode: str | None, reason: str) -> PlaceView:
        """`ArmingService.set_mode`, with the reason as a person typed it."""
        return self.arming.set_mode(person, place, mode, _tidy(reason))

    def command(self, person: Person, device: str, name: str, arguments: Mapping[str, int], reason: str) -> CommandView:
        """`CommandService.send`, with the reason as a person typed it."""
        return self.commands.send(person, device, name, arguments, _tidy(reason))

    # --- devices and facilities -----------------------------------------------------------------------------------

    def communities(self, person: Person) -> list[Community]:
        """The communities that the person sees, by id."""
        known = self._sight(person).names.registry.communities
        return [known[name] for name in sorted(known)]

    def devices(
        self, person: Person, community: str | None = None, limit: int | None = None, after: str = ""
    ) -> Page[DeviceView]:
        """The devices of one community or of all that the person sees, by id; at most `limit`, after the id `after`."""
        sight = self._sight(person)
        return self._facilities.devices(sight, _wanted(sight, community), limit, after)

    def device(self, person: Person, device_id: str) -> DeviceView:
        """One device as it is now; NotFound outside the person's scope."""
        sight = self._sight(person)
        found = sight.names.registry.devices.get(device_id)
        if found is None:
            raise no_such(Text("设备", "device"), device_id)
        return self._facilities.device(sight, found)

    def facilities(
        self, person: Person, community: str | None = None, limit: int | None = None, after: str = ""
    ) -> Page[FacilityView]:
        """The facilities with their state, likewise. If the store does not answer they are unknown, not missing."""
        sight = self._sight(person)
        return self._facilities.facilities(sight, _wanted(sight, community), limit, after)

    def facility(self, person: Person, facility_id: str) -> FacilityDetail:
        """One facility with its devices and their newest values; NotFound outside the person's scope."""
        sight = self._sight(person)
        found = sight.names.registry.facilities.get(facility_id)
        if found is None:
            raise no_such(Text("设施", "facility"), facility_id)
        return self._facilities.detail(sight, found)

    def wanted_communities(self, person: Person, community: str | None) -> list[str]:
        """That one, or all that are registered and within sight; NotFound for one that the person does not see."""
        return _wanted(self._sight(person), community)

    # --- the store ------------------------------------------------------------------------------------------------

    def readings(
        self, person: Person, device: str, quantity: str, start: int, end: int, max_points: int = 300
    ) -> list[Bucket]:
        """The series in [start, end), oldest first, in at most `max_points` equal buckets; empty ones left out."""
        return self.chart(person, device, quantity, start, end, max_points, Shape.MINMAXMEAN).buckets

    def chart(
        self, person: Person, device: str, quantity: str, start: int, end: int, max_points: int, shape: Shape
    ) -> Chart:
        """The series in [start, end), oldest first, in at most `max_points`, and what it was read from.

        NotFound for a device outside the scope, Refused for a range that is empty or over a year, StoreError.
        """
        sight = self._sight(person)
        community = community_of(sight, "device", device)
        _check_range(start, end)
        points = max(1, min(max_points, MAX_POINTS))
        series = Series(community, device, quantity, start, end)
        return sight.store.chart(series, points, shape, self.settings.retention)

    def events(
        self,
        person: Person,
        start: int,
        end: int,
        *,
        community: str | None = None,
        types: Sequence[str] = (),
        device: str | None = None,
        limit: int = 100,
        before: EventKey | None = None,
        look: Look = MASKED,
    ) -> Page[EventView]:
        """Discrete events in [start, end) within the scope, newest first. Errors as for `readings`. In full (`look`) it is written down.

        `before`: the key of the last event of the page before.
        """
        sight = self._sight(person)
        check_look(person, look)
        wanted = self.wanted_events(person, start, end, community, device)
        limit = max(1, min(limit, MAX_LIMIT))
        events = [
            event
            for place in wanted
            for event in sight.store.events(
                place, start, end, types=types, device=device, limit=limit + 1, before=before
            )
        ]
        events.sort(key=lambda event: event.key, reverse=True)
        page = page_of(events, limit, lambda event: event.key)
        views = [sight.names.event(event, full=look.full) for event in page.items]
        if look.full:
            write_down(sight, look, of_events(views), self.clock.now())
        return Page(views, page.following)

    def wanted_events(
        self, person: Person, start: int, end: int, community: str | None, device: str | None
    ) -> list[str]:
        """The communities to look in for events of [start, end). Errors as for `readings`."""
        sight = self._sight(person)
        wanted = _wanted(sight, community)
        _check_range(start, end)
        if device is None:
            return wanted
        found = community_of(sight, "device", device)
        if found not in wanted:
            raise no_such(Text("设备", "device"), device)
        return [found]

    # --- the platform ---------------------------------------------------------------------------------------------

    def health(self) -> HealthView:
        """How Linli is. Needs no person: who may see how much of it is decided where it is shown."""
        return read_health(self.database.whole(), self.clock.now(), self.own_troubles())

    def own_troubles(self) -> dict[str, Text]:
        """What is wrong with this process, by the part that ails; empty if nothing is."""
        return own_troubles(broker_connected=self.live.connected, feed_alive=self.live.alive)

    # --- acts -----------------------------------------------------------------------------------------------------

    def act_on_many(
        self,
        person: Person,
        alerts: Sequence[str],
        kind: ActionKind,
        comment: str,
        until: int | None = None,
        once: str | None = None,
    ) -> list[Done]:
        """The same act on each of these, and what became of each. Refused for all, where it would be for one alone."""
        tidy = _tidy(comment)
        if kind in (ActionKind.CLOSE, ActionKind.SHELVE):
            _check_reason(kind, tidy)
        if until is not None:
            self._check_until(until)
        demand(person, Operation.HANDLE_ALERTS)
        return self._acts.all(self._sight(person), alerts, kind, tidy, until, once)

    def _act(
        self,
        person: Person,
        alert_id: str,
        kind: ActionKind,
        comment: str,
        until: int | None = None,
        once: str | None = None,
    ) -> AlertView:
        demand(person, Operation.HANDLE_ALERTS)
        return self._acts.one(self._sight(person), alert_id, kind, comment, until, once)

    def _check_until(self, until: int) -> None:
        if not 0 < until - self.clock.now() <= MAX_SHELVE:
            text = Text("只能搁置到将来，最多 7 天", "an alert is shelved until a time ahead, for 7 days at most")
            raise _refused("bad_until", text)


def build_services(
    settings: Settings,
    database: Database,
    store: ReadingStore,
    clock: Clock,
    client: MqttClient | None = None,
    command_client: MqttClient | None = None,
    settled: Callable[[], None] | None = None,
) -> Services:
    """Services over these, wired but not started: `start` begins the live stream and to hear what becomes of commands.

    `client` hears of alerts, `command_client` is for commands; without the latter none can be given. `settled` is called when all
    of the registry was read.
    """
    kept = guarded(database)
    people = People(kept.whole(), clock, settings.sign_in_policy, Seals(DataFolder(settings.data).secrets))
    directory = Directory(kept.whole(), people, clock, settled)
    sights = Sights(kept, directory, StoreReader(store, clock))
    live = AlertHub(kept, directory, people, clock, client)
    commands = CommandService(sights, CommandDesk(SqlCommands(kept.whole()), clock, command_client))
    rules = RuleService(RuleFiles(settings.rules, settings.rules_overrides, clock), sights)
    webhooks = build_webhooks(settings, kept, sights, people, live)
    arming = ArmingService(sights, clock)
    imports = build_imports(settings, kept, sights, clock)
    return Services(kept, clock, settings, people, sights, live, commands, arming, rules, webhooks, imports)


def _tidy(comment: str) -> str:
    """The comment without blanks around it; Refused if it is too long or holds control characters."""
    tidy = comment.replace("\r\n", "\n").strip()
    if len(tidy) > MAX_COMMENT or not _printable(tidy):
        text = Text(
            f"文字最多 {MAX_COMMENT} 字，不含控制字符",
            f"a text has at most {MAX_COMMENT} characters, and no control ones",
        )
        raise _refused("bad_comment", text)
    return tidy


def _check_reason(kind: ActionKind, reason: str) -> None:
    if not reason:
        close = Text("关闭告警须写明原因", "closing an alert takes a reason")
        shelve = Text("搁置告警须写明原因", "shelving an alert takes a reason")
        raise _refused("no_reason", close if kind is ActionKind.CLOSE else shelve)


def _printable(text: str) -> bool:
    return all(letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs") for letter in text)


def _check_range(start: int, end: int) -> None:
    if not 0 <= start < end or end - start > MAX_RANGE:
        text = Text(
            "时间范围须先起后止，且不超过 366 天", "the range must end after it starts, and be at most 366 days long"
        )
        raise _refused("bad_range", text)


def _refused(reason: str, text: Text) -> Refused:
    error = Refused(reason, text.en)
    error.text = text
    return error


def _wanted(sight: Sight, community: str | None) -> list[str]:
    """The communities to look in: that one, or all registered ones within sight."""
    if community is None:
        return sorted(sight.names.registry.communities)
    return [community_of(sight, "community", community)]


def _alert(sight: Sight, alert: str) -> Alert:
    found = sight.alerts.get(alert)
    if found is None:
        raise no_such(Text("告警", "alert"), alert)
    return found
