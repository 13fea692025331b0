"""Changing a device: edited, moved, replaced, a duplicate merged, removed and brought back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from api.console.layout import choice
from api.console.registry import texts
from api.console.registry.pieces import (
    Ask,
    Choice,
    Names,
    Picker,
    button,
    field,
    number_of,
    refused,
    reload,
)
from api.console.registry.tree_dialogs import TreeDialogs
from api.console.registry.words import kind_of_item, name_of
from api.console.visit import Visit
from api.registry.browsing import FOUND, RegistryTree
from api.registry.service import RegistryService, Shown, Wanted
from api.scope import may
from api.services import Services
from linli.clock import SECOND, local_time
from linli.db.people import Person
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.model import Device, Equipment
from linli.roles import Operation
from linli.vocabulary import DEVICE_KINDS

Seek = Callable[[Person, str], Sequence[Choice]]
"""Finds what may be chosen: for who asks, by what was typed."""


class DeviceDialogs:
    """The buttons of one device and what they ask."""

    def __init__(self, services: Services, registry: RegistryService, tree: RegistryTree, visit: Visit) -> None:
        self._services = services
        self._registry = registry
        self._tree = tree
        self._visit = visit
        self._language = visit.language
        self._ask = Ask(services, visit)

    def buttons(self, shown: Shown, device: Device, stands: Equipment) -> None:
        """What can be done, by who looks."""
        language, key, kept = self._language, Key("device", device.id), shown.kept
        if not may(self._visit.person, Operation.EDIT_REGISTRY):
            return
        tree = TreeDialogs(self._services, self._registry, self._visit)
        if kept.removed_at is not None:
            if kept.merged_into is None:
                button(texts.BRING_BACK, language, "restore", lambda: tree.ask_restore(key, device), main=True)
            return
        button(texts.EDIT, language, "edit", lambda: self._edit(device, stands, kept.revision))
        button(texts.MOVE, language, "move", lambda: self._move(device, kept.revision))
        button(texts.REPLACE, language, "replace", lambda: self._replace(device, stands, kept.revision))
        button(texts.MERGE, language, "merge", lambda: self._merge(device))
        button(texts.REMOVE, language, "remove", lambda: tree.ask_remove(key, kept))

    def _edit(self, device: Device, stands: Equipment, revision: int) -> None:
        editing = _Editing(self, self._visit, device, stands)

        def do(person: Person) -> None:
            self._registry.write(person, Key("device", device.id), editing.made(), revision)

        subject = device.name.of(self._language)
        help_ = texts.EDIT_NAMES_HELP
        self._ask.open(texts.EDIT_DEVICE, help_, subject, editing.draw, editing.missing, do, reload)

    def _move(self, device: Device, revision: int) -> None:
        picked = list[Picker]()

        def draw() -> None:
            picked.append(self._picker(texts.WHERE_TO, "place", self._places(device.community)))

        def missing() -> Text | None:
            return None if picked[0].id else texts.PLACE_MISSING

        def do(person: Person) -> None:
            moved = replace(device, place=picked[0].id or device.place)
            self._registry.write(person, Key("device", device.id), [moved], revision)

        subject = device.name.of(self._language)
        self._ask.open(texts.MOVE, texts.MOVE_HELP, subject, draw, missing, do, reload)

    def _replace(self, device: Device, stands: Equipment, revision: int) -> None:
        said = {"serial": "", "model": stands.model or "", "reason": ""}

        def draw() -> None:
            asked = (("serial", texts.NEW_SERIAL), ("model", texts.MODEL), ("reason", texts.REASON))
            for name, words in asked:
                field(words, self._language, name, said[name], _into(said, name))

        def missing() -> Text | None:
            if not said["serial"]:
                return texts.SERIAL_MISSING
            return None if said["reason"] else texts.REASON_MISSING

        def do(person: Person) -> None:
            serial, model = said["serial"], said["model"] or None
            self._registry.replace(person, device.id, serial, model, said["reason"], revision)

        old = stands.serial or texts.NO_SERIAL.of(self._language)
        subject = f"{device.name.of(self._language)} · {old}"
        self._ask.open(texts.REPLACE_TITLE, texts.REPLACE_HELP, subject, draw, missing, do, reload)

    def _merge(self, device: Device) -> None:
        picked = list[Picker]()

        def draw() -> None:
            picked.append(self._picker(texts.DUPLICATE, "duplicate", self.devices(device)))

        def missing() -> Text | None:
            return None if picked[0].id else texts.DUPLICATE_MISSING

        def do(person: Person) -> None:
            self._registry.merge(person, Key("device", device.id), picked[0].id or "")

        subject = device.name.of(self._language)
        self._ask.open(texts.MERGE, texts.MERGE_HELP, subject, draw, missing, do, reload)

    # --- what may be chosen ---------------------------------------------------------------------------------------

    def _picker(self, asked: Text, name: str, seek: Seek) -> Picker:
        return Picker(self._services, self._visit, asked, name, seek)

    def optional(self, asked: Text, name: str, seek: Seek, chosen: str | None) -> Picker:
        """A choice that may also be none. `chosen`: the id that stands now."""
        now = None if chosen is None else Choice(chosen, self._called(name, chosen))
        return Picker(self._services, self._visit, asked, name, seek, now, none=True)

    def _called(self, name: str, chosen: str) -> str:
        registry = self._services.sights.of(self._visit.person).names.registry
        found = registry.devices.get(chosen) if name == "parent" else registry.facilities.get(chosen)
        return chosen if found is None else found.name.of(self._language)

    def _places(self, community: str) -> Seek:
        def seek(person: Person, words: str) -> Sequence[Choice]:
            found = self._tree.find_places(person, community, words)
            return [Choice(one.id, one.name.of(self._language), one.address.of(self._language)) for one in found]

        return seek

    def devices(self, device: Device) -> Seek:
        """The other devices of its compound."""
        return self._of_kind("device", device)

    def facilities(self, device: Device) -> Seek:
        """The facilities of its compound."""
        return self._of_kind("facility", device)

    def _of_kind(self, kind: str, device: Device) -> Seek:
        def seek(person: Person, words: str) -> Sequence[Choice]:
            wanted = Wanted({"community": device.community}, words.strip())
            items = [shown.kept.item for shown in self._registry.page(person, kind, wanted, FOUND, None).items]
            language = self._language
            return [
                Choice(one.id, name_of(one).of(language), f"{kind_of_item(one).of(language)} · {one.id}")
                for one in items
                if one.id != device.id
            ]

        return seek


class _Editing:
    """The fields of a device and of what stands there."""

    def __init__(self, dialogs: DeviceDialogs, visit: Visit, device: Device, stands: Equipment) -> None:
        self._dialogs = dialogs
        self._device = device
        self._stands = stands
        self._language = visit.language
        zone = visit.zone(device.community)
        since = stands.in_service_since
        self._zone = zone
        self._since = "" if since is None else local_time(since, zone).strftime("%Y-%m-%d")
        self._said = {
            "kind": device.kind,
            "interval": _plain(device.interval_s),
            "serial": stands.serial or "",
            "model": stands.model or "",
            "since": self._since,
            "latitude": _plain(stands.latitude),
            "longitude": _plain(stands.longitude),
        }

    def draw(self) -> None:
        """The fields."""
        language, said, device, dialogs = self._language, self._said, self._device, self._dialogs
        self._names = Names(language, device.name.zh, device.name.en)
        kinds = {kind: name.of(language) for kind, name in DEVICE_KINDS.items()}
        choice(texts.KIND.of(language), kinds, device.kind, _into(said, "kind"), "kind")
        self._parent = dialogs.optional(texts.HANGS_ON, "parent", dialogs.devices(device), device.parent)
        self._facility = dialogs.optional(texts.FACILITY, "facility", dialogs.facilities(device), device.facility)
        for name, asked in (
            ("serial", texts.SERIAL),
            ("model", texts.MODEL),
            ("interval", texts.INTERVAL_S),
            ("since", texts.SINCE_DAY),
            ("latitude", texts.LATITUDE),
            ("longitude", texts.LONGITUDE),
        ):
            field(asked, language, name, said[name], _into(said, name))

    def missing(self) -> Text | None:
        """Both names."""
        return self._names.missing()

    def made(self) -> list[Device | Equipment]:
        """The device and what stands there, as they were filled in."""
        said = self._said
        device = replace(
            self._device,
            name=self._names.text,
            kind=said["kind"],
            interval_s=number_of(said["interval"], texts.INTERVAL),
            parent=self._parent.id,
            facility=self._facility.id,
        )
        stands = replace(
            self._stands,
            serial=said["serial"] or None,
            model=said["model"] or None,
            in_service_since=self._begun(),
            latitude=number_of(said["latitude"], texts.LATITUDE),
            longitude=number_of(said["longitude"], texts.LONGITUDE),
        )
        return [device, stands]

    def _begun(self) -> int | None:
        """The day, as its first moment there; as it was, to the second, while nobody changes it."""
        said = self._said["since"]
        if said == self._since:
            return self._stands.in_service_since
        if not said:
            return None
        try:
            day = datetime.strptime(said, "%Y-%m-%d").replace(tzinfo=self._zone)
        except ValueError:
            raise refused(texts.NO_DAY) from None
        return int(day.timestamp()) * SECOND


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _into(said: dict[str, str], name: str) -> Callable[[str], None]:
    def heard(text: str) -> None:
        said[name] = text

    return heard
