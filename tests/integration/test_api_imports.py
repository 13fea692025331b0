"""Imports over REST, on SQLite and PostgreSQL: sent, checked, applied by a process of its own; within reach; never half."""

import csv
import http.client
import io
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.http.gate import MAX_FILE
from api.registry.importing.kept import hold
from linli.db.audit import Search, SqlAudit
from linli.db.registryitems import get
from linli.model import Role
from linli.registry.changes import Key
from linli.registry.model import Device
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, running_world
from tests.support import eventually

pytestmark = pytest.mark.integration

IMPORTS = "/api/v1/registry/imports"
Json = dict[str, Any]
HEADINGS = "community,building,place,kind,name_zh,name_en,interval_s,id"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("imports"), url) as running:
        running.services.people.add(f"{HOME}-committee", Role.COMMITTEE, [HOME], password=PASSWORD)
        running.services.people.add("other", Role.COMMITTEE, [HOME], password=PASSWORD)
        yield running


@pytest.fixture
def staff(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-committee") as client:
        yield client


@pytest.fixture
def root(world: World) -> Iterator[httpx.Client]:
    with world.client("root") as client:
        yield client


def sheet(*rows: str) -> bytes:
    return "\r\n".join((HEADINGS, *rows)).encode()


def camera(community: str, name: str, kind: str = "camera", device: str = "") -> str:
    return f"{community},,{community}-b1,{kind},{name},{name},10,{device}"


def send(client: httpx.Client, content: bytes, file: str = "devices.csv", **query: Any) -> Json:
    """An import that is checked."""
    answer = client.post(IMPORTS, params={"file": file} | query, content=content)
    assert answer.status_code == 202, answer.text
    return settled(client, answer.json()["id"])


def settled(client: httpx.Client, name: str) -> Json:
    """What came of it."""

    def read() -> Json:
        found: Json = client.get(f"{IMPORTS}/{name}").raise_for_status().json()
        return found

    eventually(
        lambda: read()["state"] not in ("checking", "applying"), timeout=60, what="the import has come to an end"
    )
    return read()


def apply(client: httpx.Client, name: str) -> Json:
    answer = client.post(f"{IMPORTS}/{name}/apply")
    assert answer.status_code == 202, answer.text
    return settled(client, name)


def device(world: World, name: str) -> Device | None:
    with world.database.read() as connection:
        kept = get(connection, Key("device", name))
    if kept is None:
        return None
    assert isinstance(kept.item, Device)
    return kept.item


def test_a_fault_is_told_by_row_and_column_then_mended_and_applied(world: World, staff: httpx.Client) -> None:
    """Nothing is written while there is a fault; the mended file is; the same again changes nothing."""
    bad = send(staff, sheet(camera(HOME, "Gate east"), camera(HOME, "Gate west", "periscope")))
    assert (bad["state"], bad["errors"], bad["ready"]) == ("checked", 1, False)
    (fault,) = staff.get(f"{IMPORTS}/{bad['id']}/faults").json()["items"]
    assert (fault["row"], fault["column"], fault["value"], fault["level"]) == (3, "kind", "periscope", "error")
    assert fault["text"]["zh"] and fault["text"]["en"]
    listed = list(csv.reader(io.StringIO(staff.get(f"{IMPORTS}/{bad['id']}/faults.csv").content.decode("utf-8-sig"))))
    assert listed[1][2:5] == ["3", "kind", "periscope"]
    assert staff.post(f"{IMPORTS}/{bad['id']}/apply").status_code == 409
    good = sheet(camera(HOME, "Gate east"), camera(HOME, "Gate west"))
    checked = send(staff, good)
    assert checked["tables"] == [{"table": "device", "rows": 2, "added": 2, "changed": 0, "same": 0}]
    assert device(world, f"{HOME}-b1-camera-gate-east") is None, "checking writes nothing"
    done = apply(staff, checked["id"])
    assert (done["state"], done["items"] >= 2) == ("applied", True), done
    assert device(world, f"{HOME}-b1-camera-gate-east") is not None
    person = world.services.people.get(f"{HOME}-committee").id
    assert SqlAudit(world.database).newest(Search(actor=person, verb="registry.loaded"), limit=5)
    again = send(staff, good)
    assert again["tables"][0]["same"] == 2
    assert staff.post(f"{IMPORTS}/{done['id']}/apply").status_code == 409, "applied once"


def test_a_change_is_shown_before_it_is_made(world: World, staff: httpx.Client) -> None:
    """From what to what, of which field."""
    apply(staff, send(staff, sheet(camera(HOME, "Yard")))["id"])
    row = camera(HOME, "Yard").replace(",10,", ",30,")
    checked = send(staff, sheet(row), source="person")
    (change,) = staff.get(f"{IMPORTS}/{checked['id']}/changes").json()["items"]
    assert (change["field"], change["before"], change["after"]) == ("interval_s", "10.0", "30.0")
    assert apply(staff, checked["id"])["state"] == "applied"
    found = device(world, f"{HOME}-b1-camera-yard")
    assert found is not None and found.interval_s == 30


def test_who_reaches_one_compound_imports_into_it_alone(world: World, staff: httpx.Client) -> None:
    """Another compound is not there for them; its ids are taken, and what belongs to the district stays as it is."""
    before = device(world, f"{FOREIGN}-door")
    theirs = send(staff, sheet(camera(FOREIGN, "Spy"), camera(HOME, "Thief", "door", f"{FOREIGN}-door")))
    faults = staff.get(f"{IMPORTS}/{theirs['id']}/faults").json()["items"]
    assert [(fault["row"], fault["reason"]) for fault in faults] == [(2, "unknown_reference"), (3, "id_taken")]
    assert FOREIGN not in " ".join(fault["text"]["en"] for fault in faults)
    assert device(world, f"{FOREIGN}-door") == before
    shared = send(staff, b"kind,name_zh,name_en\r\nproperty,\xe7\x89\xa9\xe4\xb8\x9a,Estates", "organisations.csv")
    faults = staff.get(f"{IMPORTS}/{shared['id']}/faults").json()["items"]
    assert [(fault["row"], fault["reason"]) for fault in faults] == [(2, "not_allowed")]
    assert not shared["ready"]


def test_an_import_is_its_senders_alone(world: World, staff: httpx.Client) -> None:
    """Whoever else asks is answered as if there were none."""
    one = send(staff, sheet(camera(HOME, "Mine")))["id"]
    with world.client("other") as other:
        for path in ("", "/faults", "/changes", "/faults.csv"):
            assert other.get(f"{IMPORTS}/{one}{path}").status_code == 404
        assert other.post(f"{IMPORTS}/{one}/apply").status_code == 404
        assert other.delete(f"{IMPORTS}/{one}").status_code == 404
        assert one not in {each["id"] for each in other.get(IMPORTS).json()["items"]}
    assert staff.delete(f"{IMPORTS}/{one}").status_code == 204
    assert staff.get(f"{IMPORTS}/{one}").status_code == 404


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [("notes.txt", b"hello", "unknown_file"), ("devices.csv", b"", "empty"), ("../../etc.pdf", b"x", "unknown_file")],
)
def test_a_wrong_file_is_refused_at_once(staff: httpx.Client, file: str, content: bytes, reason: str) -> None:
    """With what would be taken instead."""
    answer = staff.post(IMPORTS, params={"file": file}, content=content)
    assert (answer.status_code, answer.json()["reason"]) == (422, reason)


def test_what_is_no_workbook_says_so(staff: httpx.Client) -> None:
    """It is called one, and is not: nothing of it is read."""
    one = send(staff, b"not a zip", "registry.xlsx")
    assert one["state"] == "refused"
    assert "damaged" in one["why"]["en"]


def test_a_file_is_bounded(staff: httpx.Client) -> None:
    """Before any of it is read."""
    connection = http.client.HTTPConnection(staff.base_url.host, staff.base_url.port, timeout=10)
    connection.putrequest("POST", f"{IMPORTS}?file=devices.csv")
    connection.putheader("content-length", str(MAX_FILE + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_one_is_applied_at_a_time(world: World, staff: httpx.Client) -> None:
    """While another is written, one waits for it; and it is as it was."""
    one = send(staff, sheet(camera(HOME, "Later")))["id"]
    lock = hold(world.services.settings.data / "imports" / "applying")
    assert lock is not None
    try:
        assert staff.post(f"{IMPORTS}/{one}/apply").status_code == 409
    finally:
        os.close(lock)
    assert apply(staff, one)["state"] == "applied"


def test_a_template_and_an_export_come_back_in(world: World, root: httpx.Client) -> None:
    """What goes out can be imported as it is, and changes nothing."""
    assert root.get("/api/v1/registry/template", params={"lang": "en"}).content[:2] == b"PK"
    out = root.get("/api/v1/registry/export", params={"format": "zip", "community": HOME})
    assert out.status_code == 200, out.text
    again = send(root, out.content, "registry.zip")
    assert (again["errors"], sum(table["added"] + table["changed"] for table in again["tables"])) == (0, 0)
    refused = root.get("/api/v1/registry/export", params={"persons": "true", "purpose": "records"})
    assert (refused.status_code, refused.json()["reason"]) == (422, "no_reason")
    assert not list((world.services.settings.data / "imports").glob("out-*")), "made files are gone once they are sent"


def test_a_restart_in_the_middle_leaves_nothing_half_done(world: World, staff: httpx.Client) -> None:
    """What was under way is undone and says so; applied again, it is all there."""
    rows = [camera(HOME, f"Many {number}") for number in range(4000)]
    one = send(staff, sheet(*rows))["id"]
    assert staff.post(f"{IMPORTS}/{one}/apply").status_code == 202

    def under_way() -> bool:
        progress = staff.get(f"{IMPORTS}/{one}").json()["progress"]
        return progress is not None and progress["done"] > 0

    eventually(under_way, timeout=60, what="it is under way")
    world.services.imports.stop()
    world.services.imports.start()
    found = settled(staff, one)
    assert (found["state"], found["ready"]) == ("interrupted", True)
    assert device(world, f"{HOME}-b1-camera-many-0") is None
    assert apply(staff, one)["state"] == "applied"
    assert device(world, f"{HOME}-b1-camera-many-3999") is not None
