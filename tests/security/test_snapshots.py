"""Snapshots: who may put and see them, that nothing outside their folder is ever read, and that each look is written down."""

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import delete

from api.snapshots.service import SnapshotStore, build_store
from linli.clock import DAY, MINUTE
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.audit import Search, SqlAudit
from linli.db.snapshots import Snapshot, SqlSnapshots
from linli.model import Role
from linli.roles import Operation
from linli.snapshotfiles import LinkKey
from linli.snapshots import MAX_BYTES, Kind, Link
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, World, running_world
from tests.pictures import jpeg, png

pytestmark = pytest.mark.integration

DOOR = f"{HOME}-door"
GUARD = f"{HOME}-{Role.SECURITY}"


SERVICE = {"purpose": "service"}


@dataclass(frozen=True)
class Camera:
    """The world, and the token of an agent that may add pictures in HOME and nothing else."""

    world: World
    token: str

    @property
    def root(self) -> Path:
        return DataFolder(self.world.services.settings.data).snapshots

    def put(self, name: str, data: bytes, device: str = DOOR, token: str | None = None) -> httpx.Response:
        with self.world.client(authorization=f"Bearer {token or self.token}") as client:
            return client.put(f"/api/v1/devices/{device}/snapshots/{name}", content=data)

    def link(self, name: str, who: str = GUARD, purpose: str = "service", reason: str = "") -> str:
        with self.world.client(who) as client:
            wanted = {"purpose": purpose, "reason": reason}
            answer = client.get(f"/api/v1/devices/{DOOR}/snapshots/{name}", params=wanted)
            assert answer.status_code == 200, answer.text
            return str(answer.json()["link"])

    def get(self, path: str) -> httpx.Response:
        """As whoever has the link: without cookie or token."""
        with self.world.client() as client:
            return client.get(path)

    def file(self, name: str) -> Path:
        found = SqlSnapshots(self.world.database).get(DOOR, name)
        assert found is not None
        return self.root / found.file

    def looks(self) -> int:
        return SqlAudit(self.world.database).count(Search(verb="snapshot.read"))


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Camera]:
    folder = tmp_path_factory.mktemp("snapshots")
    with databases.new() as url, running_world(folder, url) as world:
        people = world.services.people
        agent, _ = people.add("camera-agent", Role.INTEGRATOR, [HOME])
        _, token = people.tokens.make(agent, "cameras", operations=[Operation.ADD_SNAPSHOTS])
        yield Camera(world, token)


def test_a_picture_is_put_and_seen_by_a_link(camera: Camera) -> None:
    """As it came, under the type that it is; putting it again changes nothing, another under its name is refused."""
    picture = jpeg(640, 480, padding=100_000)
    first, again, other = camera.put("p1", picture), camera.put("p1", picture), camera.put("p1", png())
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json() == again.json()
    assert (first.json()["width"], first.json()["height"]) == (640, 480)
    before = camera.looks()
    seen = camera.get(camera.link("p1"))
    assert seen.status_code == 200
    assert seen.content == picture
    assert seen.headers["content-type"] == "image/jpeg"
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in seen.headers["content-security-policy"]
    assert "no-store" in seen.headers["cache-control"]
    assert camera.looks() == before + 1


def test_each_look_names_who_looked_at_what(camera: Camera) -> None:
    """The person whose link it was, the picture, its community."""
    camera.put("p2", png())
    camera.get(camera.link("p2"))
    entry = SqlAudit(camera.world.database).newest(Search(verb="snapshot.read"), 1)[0].entry
    assert entry.actor == camera.world.services.people.get(GUARD).id
    assert (entry.ids, entry.community, entry.facts) == (("p2",), HOME, {"device": DOOR})
    assert entry.purpose == "service"


def test_what_for_is_said_and_stands_in_the_log_of_each_look(camera: Camera) -> None:
    """'other' takes a reason, which is in the log and in no address; a link whose purpose was changed holds no more."""
    camera.put("p2a", png())
    path = f"/api/v1/devices/{DOOR}/snapshots/p2a"
    with camera.world.client(GUARD) as guard:
        assert guard.get(path).status_code == 422
        assert guard.get(path, params={"purpose": "curiosity"}).status_code == 422
        refused = guard.get(path, params={"purpose": "other"})
        assert refused.status_code == 422 and "reason" in refused.text
    link = camera.link("p2a", purpose="other", reason="the lost dog of Mrs Li")
    assert "dog" not in link and ".other." in link
    assert camera.get(link).status_code == 200
    (shown,) = SqlAudit(camera.world.database).newest(Search(verb="snapshot.read", item="p2a"))
    assert (shown.entry.purpose, shown.texts["reason"]) == ("other", "the lost dog of Mrs Li")
    assert camera.get(link.replace(".other.", ".service.")).status_code == 404
    former = camera.link("p2a").split(".")
    assert camera.get(".".join([*former[:3], *former[4:]])).status_code == 404


def test_files_are_for_their_owner_alone(camera: Camera) -> None:
    """Folders 700, files 600, by a name that nobody outside chose."""
    camera.put("p3", png())
    file = camera.file("p3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "p3" not in file.name
    folder = file.parent
    while folder != camera.root.parent:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder = folder.parent


def test_another_community_does_not_exist(camera: Camera) -> None:
    """For putting and for looking, and the same answer as for what there is not."""
    camera.put("p4", png())
    assert camera.put("p4", png(), f"{FOREIGN}-door").status_code == 404
    assert camera.put("p4", png(), "nowhere-door").status_code == 404
    with camera.world.client(f"{FOREIGN}-{Role.SECURITY}") as stranger:
        there = stranger.get(f"/api/v1/devices/{DOOR}/snapshots/p4", params=SERVICE)
        nowhere = stranger.get(f"/api/v1/devices/{DOOR}/snapshots/none", params=SERVICE)
    assert there.status_code == nowhere.status_code == 404
    assert there.json()["type"] == nowhere.json()["type"]


def test_who_may_add_may_not_look_and_the_other_way_round(camera: Camera) -> None:
    """The token of an agent that is stolen shows no picture; a guard puts none."""
    camera.put("p5", png())
    with camera.world.client(authorization=f"Bearer {camera.token}") as agent:
        assert agent.get(f"/api/v1/devices/{DOOR}/snapshots/p5", params=SERVICE).status_code == 403
        assert agent.get("/api/v1/alerts").status_code == 403
    with camera.world.client(GUARD) as guard:
        assert guard.put(f"/api/v1/devices/{DOOR}/snapshots/p6", content=png()).status_code == 403
    with camera.world.client() as nobody:
        assert nobody.put(f"/api/v1/devices/{DOOR}/snapshots/p6", content=png()).status_code == 401
        assert nobody.get(f"/api/v1/devices/{DOOR}/snapshots/p5").status_code == 401


def test_a_link_that_does_not_hold_shows_nothing(camera: Camera) -> None:
    """Over, changed, signed by another key, for somebody who may not look or is disabled: 404 each."""
    camera.put("p7", png())
    now, key = camera.world.clock.now(), LinkKey(DataFolder(camera.world.services.settings.data).secrets).get()
    people = camera.world.services.people
    guard, stranger = people.get(GUARD), people.get(f"{FOREIGN}-{Role.SECURITY}")
    gone, _ = people.add("gone", Role.SECURITY, [HOME], password="a-long-enough-password")

    def status(person: str, until: int, key: bytes = key) -> int:
        return camera.get("/api/v1/pictures/" + Link(DOOR, "p7", person, "service", until).signed(key)).status_code

    soon = now + MINUTE
    assert status(guard.id, soon) == status(gone.id, soon) == 200
    people.set_enabled("gone", False)
    before = camera.looks()
    assert status(guard.id, now - MINUTE) == 404
    assert status(guard.id, soon, b"another") == 404
    assert status(stranger.id, soon) == 404
    assert status(gone.id, soon) == 404
    assert status("nobody", soon) == 404
    assert camera.get(camera.link("p7")[:-1] + "x").status_code == 404
    assert camera.get(camera.link("p7").replace("p7", "p1")).status_code == 404
    assert camera.looks() == before


@pytest.mark.parametrize(
    "path",
    [
        "",
        "../../../../etc/passwd",
        "..%2f..%2f..%2fsecrets%2fbroker.json",
        "%2e%2e/%2e%2e/linli.db",
        "%2e%2e%2f%2e%2e%2flinli.db",
        "..%5c..%5clinli.db",
        "%00",
        "a%00b",
        "%c0%ae%c0%ae/linli.db",
        "/etc/passwd",
        f"{DOOR}.p1",
        f"{DOOR}.../../linli.db.1.0",
        "%ff%fe",
        "x" * 5000,
    ],
)
def test_no_path_leads_out_of_the_folder(path: str, camera: Camera) -> None:
    """Dots, escapes, NUL, absolute paths, names that are not ids: 404, without a word of what is there."""
    raw = httpx.URL(camera.world.url).copy_with(raw_path=f"/api/v1/pictures/{path}".encode())
    with httpx.Client() as client:
        answer = client.get(raw)
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "Traceback" not in answer.text
    assert str(camera.root) not in answer.text


UP = "../../canary.png"
Planted = Callable[[str, str, str], None]


@pytest.mark.parametrize(
    ("device", "name"),
    [
        (DOOR, UP),
        (DOOR, "..%2f..%2fcanary.png"),
        (DOOR, "%2e%2e/%2e%2e/canary.png"),
        (DOOR, "%2e%2e%2f%2e%2e%2fcanary%2epng"),
        (DOOR, "..\\..\\canary.png"),
        (DOOR, "p9\0"),
        (DOOR, "p9%00"),
        (DOOR, "\0"),
        (DOOR, "/etc/passwd"),
        (DOOR, ""),
        (DOOR, ".."),
        ("..", "canary"),
        ("%2e%2e", "canary"),
        (f"{DOOR}/../..", "canary"),
        (f"{DOOR}\0", "p9"),
    ],
)
def test_a_link_that_is_rightly_signed_leads_to_pictures_alone(
    device: str, name: str, camera: Camera, opened: list[str], planted: Planted
) -> None:
    """Signed with the very key, for who may look, in time, and with a row of that name in the database, which leads to a picture
    that there is: 404, and nothing is opened. However the address is written: as it is, or with every sign of it escaped."""
    (camera.root.parent / "canary.png").write_bytes(png(3, 3))
    camera.put("p9", png())
    there = str(camera.file("p9").relative_to(camera.root))
    if "\0" not in device + name:  # which PostgreSQL does not keep
        planted(device, name, there)
    key = LinkKey(DataFolder(camera.world.services.settings.data).secrets).get()
    guard = camera.world.services.people.get(GUARD).id
    signed = Link(device, name, guard, "service", camera.world.clock.now() + MINUTE).signed(key)
    good = Link(DOOR, "p9", guard, "service", camera.world.clock.now() + MINUTE).signed(key)
    assert camera.get(f"/api/v1/pictures/{good}").status_code == 200
    before = camera.looks()
    opened.clear()
    for written in (quote(signed, safe="/%."), quote(signed, safe=""), "".join(f"%{ord(one):02x}" for one in signed)):
        raw = httpx.URL(camera.world.url).copy_with(raw_path=f"/api/v1/pictures/{written}".encode())
        with httpx.Client() as client:
            answer = client.get(raw)
        assert answer.status_code == 404, written
        assert answer.headers["content-type"] == "application/problem+json"
    assert camera.looks() == before
    assert not [path for path in opened if any(word in path for word in ("canary", "passwd", Path(there).name))]


@pytest.mark.parametrize(
    "file",
    [
        UP,
        "../canary.png",
        "{root}/../canary.png",
        f"{HOME}/../../canary.png",
        f"{HOME}/{DOOR}/2026-01-01/../../../../canary.png",
        f"{HOME}/{DOOR}/2026-01-01/%2e%2e%2fcanary.png",
        f"{HOME}/../../{'0' * 32}.png",
        f"../secrets/2026-01-01/{'0' * 32}.png",
        f"{HOME}/{DOOR}/2026-01-01/link.png",
    ],
)
def test_a_row_that_names_a_file_elsewhere_shows_none(
    file: str, camera: Camera, opened: list[str], planted: Planted
) -> None:
    """Whoever wrote it into the database, and a link to the outside that lies in the folder under that name."""
    root, name = camera.root, "row-" + hashlib.sha256(file.encode()).hexdigest()[:16]
    canaries = [root.parent / "canary.png", root / "canary.png", root.parent / f"{'0' * 32}.png"]
    canaries.append(root.parent / "secrets" / "2026-01-01" / f"{'0' * 32}.png")
    for canary in canaries:
        canary.parent.mkdir(parents=True, exist_ok=True)
        canary.write_bytes(png(3, 3))
    day = root / HOME / DOOR / "2026-01-01"
    day.mkdir(parents=True, exist_ok=True)
    for link in (day / "link.png", day / f"{'0' * 32}.png"):
        link.unlink(missing_ok=True)
        link.symlink_to(canaries[0])
    planted(DOOR, name, file.format(root=root))
    planted(DOOR, f"{name}-link", f"{HOME}/{DOOR}/2026-01-01/{'0' * 32}.png")
    opened.clear()
    for one in (name, f"{name}-link"):
        assert camera.get(camera.link(one)).status_code == 404
    assert not [path for path in opened if "canary" in path]


_OPENED: list[list[str]] = []


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _OPENED and event == "open":
        _OPENED[-1].append(str(arguments[0]))


sys.addaudithook(_hear)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """What this process opens while a test runs, by the name that it is opened by."""
    _OPENED.append([])
    yield _OPENED[-1]
    _OPENED.pop()


@pytest.fixture
def planted(camera: Camera) -> Iterator[Planted]:
    """Writes a row that none of Linli's own would; gone afterwards, with what the test left in the folder."""
    database, names = camera.world.database, []

    def plant(device: str, name: str, file: str) -> None:
        now = camera.world.clock.now()
        SqlSnapshots(database).add(Snapshot(device, name, HOME, now, now, Kind.PNG, 1, 3, 3, "0" * 64, file, "p0"))
        names.append(name)

    yield plant
    with database.write() as connection:
        connection.execute(delete(schema.snapshots).where(schema.snapshots.c.id.in_(names)))
    for left in (*camera.root.rglob("2026-01-01/*"), *camera.root.glob("*.png")):
        left.unlink()


def test_a_symbolic_link_is_not_followed(camera: Camera, tmp_path: Path) -> None:
    """Neither in the place of a picture nor of a folder above it, whoever put it there."""
    camera.put("p8", png())
    file, secret = camera.file("p8"), tmp_path / "secret.png"
    secret.write_bytes(png(2, 2))
    link = camera.link("p8")
    assert camera.get(link).status_code == 200
    file.unlink()
    file.symlink_to(secret)
    assert camera.get(link).status_code == 404
    file.unlink()
    day, elsewhere = file.parent, tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / file.name).write_bytes(png(2, 2))
    kept = day.rename(day.with_name("kept"))
    day.symlink_to(elsewhere)
    try:
        assert camera.get(link).status_code == 404
    finally:
        day.unlink()
        kept.rename(day)
    os.mkfifo(file)
    assert camera.get(link).status_code == 404


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("bomb", png(60_000, 60_000), 422),
        ("bomb", jpeg(65_000, 65_000), 422),
        ("page", b"<html><script>alert(1)</script>", 422),
        ("page", b"", 422),
        ("large", jpeg(padding=MAX_BYTES), 413),
        ("..%2f..%2fx", png(), 404),
        ("UPPER", png(), 422),
        ("a.b", png(), 422),
    ],
)
def test_what_is_no_picture_or_has_no_name_is_refused(name: str, data: bytes, status: int, camera: Camera) -> None:
    """And leaves no file behind."""
    before = sum(1 for _ in camera.root.rglob("*")) if camera.root.exists() else 0
    assert camera.put(name, data).status_code == status
    assert (sum(1 for _ in camera.root.rglob("*")) if camera.root.exists() else 0) == before


def full_at(camera: Camera, most: int) -> SnapshotStore:
    """The store, if the folder were bounded at so many bytes."""
    settings = camera.world.services.settings.model_copy(update={"snapshots_gb": most / 1e9})
    return build_store(camera.world.database, settings)


def test_when_the_folder_is_full_the_oldest_go(camera: Camera) -> None:
    """Never more bytes than are allowed, whoever sends; and the row goes with its file."""
    for number in range(6):
        assert camera.put(f"full{number}", jpeg(padding=50_000 + number)).status_code == 201
    rows = SqlSnapshots(camera.world.database)
    first = camera.file("full0")
    full_at(camera, 150_000).make_room(HOME, 40_000)
    assert sum(rows.bytes().values()) <= 110_000
    assert not first.exists()
    assert rows.get(DOOR, "full0") is None
    assert camera.file("full5").exists()


def test_one_community_never_pushes_another_out_of_its_share(camera: Camera) -> None:
    """A camera that sends day and night costs its own community's pictures; room that was lent is given back."""
    rows, people = SqlSnapshots(camera.world.database), camera.world.services.people
    agent, _ = people.add("foreign-agent", Role.INTEGRATOR, [FOREIGN])
    _, token = people.tokens.make(agent, "cameras", operations=[Operation.ADD_SNAPSHOTS])
    for number in range(2):
        assert camera.put(f"theirs{number}", png(), f"{FOREIGN}-door", token).status_code == 201
    for number in range(6):
        assert camera.put(f"loud{number}", jpeg(padding=50_000 + number)).status_code == 201
    theirs, most = rows.bytes()[FOREIGN], 200_000
    for _ in range(5):
        full_at(camera, most).make_room(HOME, 60_000)
        assert rows.bytes()[FOREIGN] == theirs
    assert sum(rows.bytes().values()) <= most - 60_000
    full_at(camera, most).make_room(FOREIGN, 90_000)
    assert rows.bytes()[FOREIGN] == theirs, "what was lent comes back"
    assert sum(rows.bytes().values()) <= most - 90_000
    full_at(camera, most).make_room(FOREIGN, most)
    assert sum(rows.bytes().values()) == 0, "more than a share: their own first, then the rest"


def test_pictures_go_when_their_time_is_over(camera: Camera) -> None:
    """By when they were stored, whatever they say of when they were taken; also a file that has lost its row."""
    camera.put("old", jpeg(padding=77))
    store, file = build_store(camera.world.database, camera.world.services.settings), camera.file("old")
    orphan = file.parent / f"{'0' * 32}.jpg"
    orphan.write_bytes(b"left by a process that died")
    now = camera.world.clock.now()
    assert store.delete_before(now - 30 * DAY) == 0
    assert file.exists()
    while store.delete_before(now + 2 * DAY):
        pass
    assert SqlSnapshots(camera.world.database).bytes() == {}
    assert not [path for path in camera.root.rglob("*") if path.is_file()]
