"""Drawings of floor plans: who may put and see them, what is taken, what is left of them, and where devices are on them."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.floorplans.service import build_drawing_store
from linli.clock import DAY
from linli.datafolder import DataFolder
from linli.db.audit import Search, SqlAudit
from linli.floorplans import MAX_BYTES
from linli.model import Role
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, World, running_world
from tests.pictures import jpeg, png, webp

pytestmark = pytest.mark.integration

GUARD, MANAGER, STRANGER = f"{HOME}-{Role.SECURITY}", f"{HOME}-{Role.PROPERTY}", f"{FOREIGN}-{Role.PROPERTY}"
DOOR = f"{HOME}-door"


@dataclass(frozen=True)
class Plans:
    """The world, and floor plans made in it."""

    world: World

    @property
    def root(self) -> Path:
        return DataFolder(self.world.services.settings.data).drawings

    def make(self, name: str, community: str = HOME) -> str:
        """A plan of a floor, 40 by 20 metres; its id."""
        plan = f"{community}-{name}"
        body = {
            "community": community,
            "place": f"{community}-f1",
            "name": {"zh": "一层", "en": "Ground floor"},
            "file": "ground.png",
            "width_m": 40,
            "height_m": 20,
        }
        with self.world.client(f"{community}-{Role.PROPERTY}") as client:
            made = client.put(f"/api/v1/registry/floor-plans/{plan}", json=body, headers={"if-none-match": "*"})
            assert made.status_code == 201, made.text
        return plan

    def put(self, plan: str, data: bytes, who: str = MANAGER) -> httpx.Response:
        with self.world.client(who) as client:
            return client.put(f"/api/v1/registry/floor-plans/{plan}/drawing", content=data)

    def get(self, plan: str, who: str | None = GUARD, **headers: str) -> httpx.Response:
        with self.world.client(who, **headers) as client:
            return client.get(f"/api/v1/registry/floor-plans/{plan}/drawing")

    def files(self) -> set[Path]:
        return {path for path in self.root.rglob("*") if path.is_file()} if self.root.exists() else set()


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Plans]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("drawings"), url) as world:
        yield Plans(world)


@pytest.mark.parametrize(
    ("data", "kind"), [(png(640, 320), "image/png"), (jpeg(640, 320), "image/jpeg"), (webp(640, 320), "image/webp")]
)
def test_a_drawing_is_put_and_seen_as_it_came(data: bytes, kind: str, plans: Plans) -> None:
    """Under the type that it is, never to be run as a page; and asked for again only if it is another."""
    plan = plans.make(f"seen-{kind[-4:].strip('/')}")
    first, again = plans.put(plan, data), plans.put(plan, data)
    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert first.json() == again.json()
    assert (first.json()["width"], first.json()["height"], first.json()["media_type"]) == (640, 320, kind)
    seen = plans.get(plan)
    assert (seen.status_code, seen.content, seen.headers["content-type"]) == (200, data, kind)
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in seen.headers["content-security-policy"]
    assert seen.headers["cache-control"] == "private, no-cache"
    assert plans.get(plan, **{"if-none-match": seen.headers["etag"]}).status_code == 304


def test_another_drawing_takes_its_place_and_each_change_is_written_down(plans: Plans) -> None:
    """By whom, of which plan; the file is for its owner alone."""
    plan = plans.make("other")
    plans.put(plan, png())
    assert plans.put(plan, jpeg(100, 50)).status_code == 201
    assert plans.get(plan).headers["content-type"] == "image/jpeg"
    entry = SqlAudit(plans.world.database).newest(Search(verb="registry.record.changed"), 1)[0].entry
    assert (entry.actor, entry.ids, entry.community) == (
        plans.world.services.people.get(MANAGER).id,
        (f"floor_plan:{plan}",),
        HOME,
    )
    for file in plans.files():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_who_may_not_change_the_registry_puts_and_removes_none(plans: Plans) -> None:
    """A guard looks; nobody who is not signed in does."""
    plan = plans.make("guarded")
    assert plans.put(plan, png(), GUARD).status_code == 403
    assert plans.put(plan, png()).status_code == 201
    assert plans.get(plan, None).status_code == 401
    with plans.world.client(GUARD) as guard:
        assert guard.delete(f"/api/v1/registry/floor-plans/{plan}/drawing").status_code == 403
    assert plans.get(plan).status_code == 200


def test_another_community_does_not_exist(plans: Plans) -> None:
    """The same answer as for what there is not: for looking, putting, removing and placing."""
    plan = plans.make("mine")
    plans.put(plan, png())
    theirs = plans.make("theirs", FOREIGN)
    answers = [plans.get(plan, STRANGER), plans.put(plan, png(9, 9), STRANGER), plans.get(f"{HOME}-nowhere", STRANGER)]
    with plans.world.client(STRANGER) as client:
        answers.append(client.delete(f"/api/v1/registry/floor-plans/{plan}/drawing"))
        answers.append(client.get(f"/api/v1/registry/floor-plans/{plan}/devices"))
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["type"] for answer in answers}) == 1
    with plans.world.client(MANAGER) as client:
        body = {"plan": theirs, "x": 0.5, "y": 0.5}
        placed = client.put(f"/api/v1/registry/devices/{DOOR}/spot", json=body, headers={"if-match": "*"})
    assert placed.status_code == 422
    assert plans.get(plan).content == png()


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 422, "scripts"),
        (b"<html><script>alert(1)</script>", 422, "scripts"),
        (png(60_000, 60_000), 422, "pixels"),
        (jpeg(65_000, 65_000), 422, "pixels"),
        (webp(16_000, 16_000), 422, "pixels"),
        (b"%PDF-1.7", 422, "neither"),
        (b"", 422, "neither"),
        (jpeg(padding=MAX_BYTES), 413, "too large"),
    ],
)
def test_what_is_no_drawing_is_refused_in_words(data: bytes, status: int, said: str, plans: Plans) -> None:
    """And leaves no file behind."""
    plan = plans.make(f"refused-{abs(hash(data)) % 1_000_000}")
    before = plans.files()
    answer = plans.put(plan, data)
    assert answer.status_code == status
    assert said in answer.text
    assert plans.files() == before


def test_a_device_is_placed_and_stays_where_it_is_beside_another_drawing(plans: Plans) -> None:
    """Fractions of the drawing are metres of the plan; from the version that was read; seen with how the device is."""
    plan = plans.make("placed")
    path, dots = f"/api/v1/registry/devices/{DOOR}", f"/api/v1/registry/floor-plans/{plan}/devices"
    with plans.world.client(MANAGER) as client:
        tag = client.get(path).headers["etag"]
        body = {"plan": plan, "x": 0.25, "y": 0.5}
        assert client.put(f"{path}/spot", json=body).status_code == 428
        assert client.put(f"{path}/spot", json=body, headers={"if-match": '"9999"'}).status_code == 412
        placed = client.put(f"{path}/spot", json=body, headers={"if-match": tag})
        assert placed.status_code == 200, placed.text
        assert [placed.json()["equipment"][name] for name in ("plan", "x_m", "y_m")] == [plan, 10.0, 10.0]
        assert client.put(f"{path}/spot", json=body | {"x": 1.5}, headers={"if-match": "*"}).status_code == 422
        plans.put(plan, png(900, 450))
        with plans.world.client(GUARD) as guard:
            found = guard.get(dots).json()["items"]
        assert [(one["device"], one["x"], one["y"]) for one in found] == [(DOOR, 0.25, 0.5)]
        assert found[0]["state"] in ("ok", "degraded", "fault", "unknown")
        assert client.delete(f"{path}/spot", headers={"if-match": placed.headers["etag"]}).status_code == 200
        assert client.get(dots).json()["items"] == []


def test_a_symbolic_link_is_not_followed(plans: Plans, tmp_path: Path) -> None:
    """Whoever put it there."""
    plan, secret = plans.make("linked"), tmp_path / "secret.png"
    before = plans.files()
    plans.put(plan, png(5, 5))
    secret.write_bytes(png(2, 2))
    (file,) = plans.files() - before
    file.unlink()
    file.symlink_to(secret)
    assert plans.get(plan).status_code == 404
    file.unlink()


def test_what_nobody_refers_to_goes_when_its_time_is_over(plans: Plans) -> None:
    """A drawing that was replaced, and that of a plan that was removed; not before, for the plan may be restored with it."""
    stays, goes = plans.make("stays"), plans.make("goes")
    before = plans.files()
    plans.put(stays, png(3, 3))
    plans.put(stays, png(4, 4))
    plans.put(goes, png(6, 6))
    path = f"/api/v1/registry/floor-plans/{goes}"
    with plans.world.client(MANAGER) as client:
        assert client.delete(path, headers={"if-match": "*"}).status_code == 204
        assert plans.get(goes).status_code == 404
        assert client.post(f"{path}/restore").status_code == 200
        assert plans.get(goes).content == png(6, 6)
        assert client.delete(path, headers={"if-match": "*"}).status_code == 204
    now = plans.world.clock.now()
    store = build_drawing_store(plans.world.database, plans.world.services.settings)
    while store.delete_before(now - 2 * DAY):
        pass
    assert len(plans.files() - before) == 3
    while store.delete_before(now + 2 * DAY):
        pass
    left = {file.read_bytes() for file in plans.files()}
    assert png(4, 4) in left
    assert png(3, 3) not in left and png(6, 6) not in left
    assert plans.get(stays).content == png(4, 4)
