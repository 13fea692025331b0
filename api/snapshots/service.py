"""Camera pictures for people: taken in from who may add them, and looked at by signed links, each look written down.

What is outside the person's communities is answered like what does not exist, and so is a link that is over, was changed, or
whose person may no longer look.
"""

import hashlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from api.registry.persons import Look
from api.scope import demand, may
from api.services import Services
from api.sight import Sights
from api.swipes import check_said
from api.views import EvidenceView
from linli.audit import Act, Who
from linli.auditwords import EVIDENCE
from linli.clock import DAY, Clock
from linli.datafolder import DataFolder
from linli.db.audit import append
from linli.db.database import Database
from linli.db.people import People, Person
from linli.db.snapshots import Snapshot, SqlSnapshots
from linli.errors import Conflict, NotFound, Refused
from linli.i18n import Text
from linli.ids import check_id, is_id
from linli.roles import Operation
from linli.sealing import NotSealedHere, Seals
from linli.settings import Settings
from linli.snapshotfiles import LinkKey, SnapshotFiles
from linli.snapshots import LINK_FOR, Link, look, read_link, whose_goes

PATH = "/api/v1/pictures/"
NAMED = "snapshot"
"""What an event's data call the picture that belongs to it."""

_MOST_AT_ONCE = 8
_AHEAD = DAY
_SLICE = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture and the link by which to look at it, until `until` (microseconds since 1970 UTC)."""

    snapshot: Snapshot
    link: str
    until: int


class SnapshotStore:
    """Rows and files together: what is kept, and what has to go. Safe to call from several threads.

    A file is there before its row and goes after it, so that a row always has its picture; a file that was left by a process that
    died goes with its day.
    """

    def __init__(self, database: Database, files: SnapshotFiles, most_bytes: int) -> None:
        self._rows = SqlSnapshots(database)
        self._files = files
        self._most = most_bytes

    def make_room(self, community: str, size: int) -> None:
        """Delete what has to go so that `size` more bytes of the community fit: by shares, the oldest first (`whose_goes`)."""
        used = self._rows.bytes()
        while (whose := whose_goes(used, community, size, self._most)) is not None:
            oldest = self._rows.oldest(limit=_SLICE, community=whose)
            enough = 0
            while enough < len(oldest) and whose_goes(used, community, size, self._most) == whose:
                used[whose] -= oldest[enough].size
                enough += 1
            if not enough:  # somebody else made room meanwhile
                return
            self._remove(oldest[:enough])
            _log.warning("the folder of snapshots is full: the oldest %d of %s were deleted", enough, whose)

    def delete_before(self, before: int) -> int:
        """Delete some of what was stored before that; how many, 0 when nothing is left to delete."""
        found = self._rows.oldest(before, _SLICE)
        self._remove(found)
        return len(found) or self._files.sweep(before)

    def _remove(self, snapshots: list[Snapshot]) -> None:
        self._rows.remove(snapshots)
        for one in snapshots:
            self._files.remove(one.file)


def build_store(database: Database, settings: Settings) -> SnapshotStore:
    """The store in the data folder, for whoever keeps it."""
    files = SnapshotFiles(DataFolder(settings.data).snapshots)
    return SnapshotStore(database, files, round(settings.snapshots_gb * 1e9))


class SnapshotService:
    """What people and cameras can do with pictures."""

    def __init__(
        self,
        sights: Sights,
        people: People,
        whole: Database,
        files: SnapshotFiles,
        key: LinkKey,
        seals: Seals,
        store: SnapshotStore,
        clock: Clock,
    ) -> None:
        self._sights = sights
        self._people = people
        self._whole = whole
        self._files = files
        self._key = key
        self._seals = seals
        self._store = store
        self._clock = clock
        self._room = threading.BoundedSemaphore(_MOST_AT_ONCE)

    def put(
        self, person: Person, device: str, snapshot: str, data: bytes, taken_at: int | None
    ) -> tuple[Snapshot, bool]:
        """Keep a picture of the device under the name that its event has for it; and whether it is new.

        The same once more changes nothing; another one under the same name is a Conflict. Refused for what is no picture.
        """
        demand(person, Operation.ADD_SNAPSHOTS)
        sight, now = self._sights.of(person), self._clock.now()
        known = sight.names.registry.devices.get(device)
        if known is None:
            raise _no_such(device)
        check_id(snapshot, "snapshot")
        if taken_at is not None and taken_at > now + _AHEAD:
            raise Refused("bad_time", "taken_at is in the future")
        rows, digest = SqlSnapshots(sight.database), hashlib.sha256(data).hexdigest()
        present = rows.get(device, snapshot)
        if present is not None:
            return _same(present, digest), False
        picture = look(data)
        with self._room:
            self._store.make_room(known.community, len(data))
            file = self._files.store(known.community, device, now, picture.kind, data)
        wanted = Snapshot(
            device,
            snapshot,
            known.community,
            now if taken_at is None else taken_at,
            now,
            picture.kind,
            len(data),
            picture.width,
            picture.height,
            digest,
            file,
            person.id,
        )
        kept = rows.add(wanted)
        if kept.file != file:  # somebody was quicker
            self._files.remove(file)
            return _same(kept, digest), False
        return kept, True

    def get(self, person: Person, device: str, snapshot: str, look: Look) -> Shown:
        """What is known of the picture, with a link for this person and what they look for; NotFound outside their scope."""
        demand(person, Operation.SEE_SNAPSHOTS)
        check_said(look)
        found = SqlSnapshots(self._sights.of(person).database).get(device, snapshot)
        if found is None:
            raise _no_such(snapshot)
        return self._shown(person, found, look)

    def of_evidence(self, person: Person, evidence: Sequence[EvidenceView]) -> dict[tuple[str, str], str]:
        """Links to the pictures that belong to what was observed, by device and name; none for who may not look."""
        if not may(person, Operation.SEE_SNAPSHOTS):
            return {}
        rows, links = SqlSnapshots(self._sights.of(person).database), {}
        for device, name in dict.fromkeys(named(seen) for seen in evidence):
            found = rows.get(device, name) if name else None
            if found is not None:
                links[device, name] = self._shown(person, found, Look(EVIDENCE)).link
        return links

    def open(self, text: str, address: str) -> tuple[Snapshot, bytes]:
        """The picture that a link is for, the look written down. NotFound for a link that does not hold."""
        now = self._clock.now()
        link = read_link(text, self._key.get(), now)
        person = None if link is None else self._people.enabled_by_id([link.person]).get(link.person)
        if link is None or person is None or not may(person, Operation.SEE_SNAPSHOTS):
            raise _no_such("")
        found = SqlSnapshots(self._sights.of(person).database).get(link.device, link.snapshot)
        if found is None:
            raise _no_such("")
        data = self._files.read(found.file)
        try:
            reason = self._seals.open(link.reason, person.id) if link.reason else ""
        except NotSealedHere:  # the keys were changed meanwhile
            raise _no_such("") from None
        act = Act(
            "snapshot.read",
            Who(person.id, address),
            "snapshot",
            (found.id,),
            found.community,
            link.purpose,
            reason,
            facts={"device": found.device},
        )
        with self._whole.write() as connection:
            append(connection, act, now)
        return found, data

    def _shown(self, person: Person, found: Snapshot, look: Look) -> Shown:
        until = self._clock.now() + LINK_FOR
        reason = self._seals.seal(look.reason, person.id) if look.reason.strip() else ""
        link = Link(found.device, found.id, person.id, look.purpose, until, reason)
        return Shown(found, PATH + link.signed(self._key.get()), until)


def build_snapshots(services: Services) -> SnapshotService:
    """The service over what the others have."""
    folder, whole = DataFolder(services.settings.data), services.database.whole()
    files, key = SnapshotFiles(folder.snapshots), LinkKey(folder.secrets)
    store = build_store(whole, services.settings)
    return SnapshotService(
        services.sights, services.people, whole, files, key, Seals(folder.secrets), store, services.clock
    )


def named(seen: EvidenceView) -> tuple[str, str]:
    """Device and name of the picture that belongs to an observation; '' for the name if there is none."""
    name = seen.data.get(NAMED)
    return seen.device, name if isinstance(name, str) and is_id(name) else ""


def _same(present: Snapshot, digest: str) -> Snapshot:
    if present.sha256 != digest:
        raise Conflict(
            Text("同名的另一张图片已存在", "there is another picture under this name"),
        )
    return present


def _no_such(what: str) -> NotFound:
    return NotFound(Text(f"没有这张图片或设备 {what}".rstrip(), f"there is no such picture or device {what}".rstrip()))
