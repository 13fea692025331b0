"""Each act of people is in the audit log: who, what, to what; with no secret in it. One story over REST for each kind of act, on both
databases, and every word of the log's vocabulary is asserted by some test.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from linli import auditwords
from linli.access import BrokerUsers, gateway_access
from linli.auditwho import Came, beginning
from linli.auditwords import VERBS
from linli.clock import HOUR, SECOND, format_time
from linli.datafolder import DataFolder
from linli.db.audit import Search, Shown, SqlAudit
from linli.db.deadletters import Choice, SqlDeadLetters
from linli.db.strangers import SqlStrangers
from linli.db.throttle import BURST
from linli.model import DeadLetter, Lane, Role
from linli.registry.strangers import Sample, Stranger
from linli.secondfactor import STEP_S, code_at
from linli.topics import lane_topic
from tests.databases import Databases
from tests.integration.api_world import HOME, PASSWORD, World, running_world
from tests.integration.test_api_persons import register

pytestmark = pytest.mark.integration

TESTS = Path(__file__).parents[1]
R = "/api/v1/registry"
NEW, NEWER = "violet harbour 42 tin", "amber window 17 oak"
NAME = {"zh": "名", "en": "Name"}
ANY = {"if-match": "*"}
CHANGED = {
    "place": ("registry.place.changed", "registry.place.removed"),
    "gateway": ("registry.gateway.changed", "registry.gateway.removed"),
    "facility": ("registry.facility.changed", "registry.facility.removed"),
    "device": ("registry.device.changed", "registry.device.removed"),
}
WITHOUT = frozenset((auditwords.SEALED, auditwords.RESEALED))
"""What Linli writes by itself as it goes along."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("acts")
    (folder / "secrets").mkdir()
    with databases.new() as url, running_world(folder, url) as running:
        yield running


@pytest.fixture
def root(world: World) -> Iterator[httpx.Client]:
    with world.client("root") as client:
        yield client


class Log:
    """What is written from now on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._from = max((one.entry.seq for one in self._entries()), default=0)

    def _entries(self) -> list[Shown]:
        return SqlAudit(self._world.database).newest(Search(), limit=1000)

    def new(self) -> list[Shown]:
        """The oldest first."""
        return [one for one in self._entries()[::-1] if one.entry.seq > self._from]

    def has(self, verb: str, actor: str, kind: str, *items: str) -> None:
        """An entry of that act by that account, of these items."""
        found = [(one.entry.verb, one.entry.actor, one.entry.kind, one.entry.ids) for one in self.new()]
        assert (verb, actor, kind, items) in found, found

    def says_nothing_of(self, *secrets: str) -> None:
        """Neither in the entries nor in the texts beside them."""
        said = str(self.new())
        assert not [one for one in secrets if one in said]


def post(client: httpx.Client, path: str, expected: int = 200, **body: Any) -> Any:
    answer = client.post(f"/api/v1{path}", json=body)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.content else None


def id_of(world: World, name: str) -> str:
    return world.services.people.get(name).id


def test_every_verb_is_asserted_by_a_test() -> None:
    """By its word, or by the name that the code has for it: whoever adds an act to the log tries it."""
    text = "".join(file.read_text("utf-8") for file in sorted(TESTS.rglob("test_*.py")))
    names = {value: name for name, value in vars(auditwords).items() if isinstance(value, str) and name.isupper()}
    quoted = set(re.findall(r'"([a-z_.]+)"', text))
    missing = [
        verb
        for verb in VERBS
        if verb not in quoted and not (verb in names and re.search(rf"\b{names[verb]}\b", text)) and verb not in WITHOUT
    ]
    assert missing == []


def test_signing_in_and_out(world: World, root: httpx.Client) -> None:
    """Of one's own and of others' sessions; a lock-out; a password that was wrong where it was asked for again."""
    world.services.people.add("lin", Role.SECURITY, [HOME], password=PASSWORD)
    lin, chief, log = id_of(world, "lin"), id_of(world, "root"), Log(world)
    with world.client("lin") as client:
        session = client.get("/api/v1/me/sessions").json()["items"][0]["id"]
        client.delete("/api/v1/sessions/current")
        log.has("session.started", lin, "account", lin)
        log.has("session.ended", lin, "account", lin)
    with world.client("lin"):
        assert root.delete(f"/api/v1/accounts/{lin}/sessions").status_code in (200, 204)
    log.has("session.ended", chief, "account", lin)
    with world.client("lin") as client:
        wrong = {"present": "wrong horse battery", "new": NEW}
        for _ in range(BURST + 1):
            client.put("/api/v1/me/password", json=wrong)
    log.has("account.password.refused", "nobody", "account", lin)
    with world.client() as client:
        for _ in range(BURST + 2):
            client.post("/api/v1/sessions", json={"name": "lin", "password": "wrong horse battery"})
    assert "session.locked_out" in {one.entry.verb for one in log.new()}
    log.says_nothing_of(PASSWORD, "wrong horse battery", NEW, session if len(session) > 20 else PASSWORD)


def test_what_proves_who_one_is(world: World, root: httpx.Client) -> None:
    """Password, second factor, recovery codes: made, used, changed, reset by another."""
    world.services.people.add("mei", Role.SECURITY, [HOME], password=PASSWORD)
    mei, chief, log = id_of(world, "mei"), id_of(world, "root"), Log(world)
    with world.client("mei") as client:
        assert client.put("/api/v1/me/password", json={"present": PASSWORD, "new": NEW}).status_code == 200
        log.has("account.password.changed", mei, "account", mei)
        offer = post(client, "/me/second-factor", 201, password=NEW)
        codes = post(client, "/me/second-factor/confirm", 201, code=code_at(offer["secret"], world.clock.now()))
        log.has("account.second_factor.added", mei, "account", mei)
    with world.client() as client:
        post(client, "/sessions", 202, name="mei", password=NEW)
        assert client.post("/api/v1/sessions/current/code", json={"code": "000000"}).status_code == 401
        assert "session.second_factor.refused" in {one.entry.verb for one in log.new()}
        post(client, "/sessions/current/code", 201, code=codes["recovery_codes"][0])
        log.has("account.recovery.used", mei, "account", mei)
        present = code_at(offer["secret"], world.clock.now() + STEP_S * SECOND)
        renewed = post(client, "/me/recovery-codes", 201, password=NEW, code=present)
        log.has("account.recovery.renewed", mei, "account", mei)
        post(client, "/me/second-factor/off", 204, password=NEW, code=renewed["recovery_codes"][0])
        log.has("account.second_factor.removed", mei, "account", mei)
        offer = post(client, "/me/second-factor", 201, password=NEW)
        post(client, "/me/second-factor/confirm", 201, code=code_at(offer["secret"], world.clock.now()))
    post(root, f"/accounts/{mei}/reset-second-factor", 204)
    log.has("account.second_factor.reset", chief, "account", mei)
    made = post(root, f"/accounts/{mei}/reset-password", 201)["password"]
    log.has("account.password.reset", chief, "account", mei)
    every = [*codes["recovery_codes"], *renewed["recovery_codes"]]
    log.says_nothing_of(PASSWORD, NEW, made, offer["secret"], *every)


def test_accounts_and_tokens(world: World, root: httpx.Client) -> None:
    """Who got which role, compounds, identity and token, and who lost it."""
    chief, log = id_of(world, "root"), Log(world)
    made = post(root, "/accounts", 201, name="zhou", role="security", communities=[HOME])
    zhou = made["account"]["id"]
    log.has("account.added", chief, "account", zhou)
    path = f"/api/v1/accounts/{zhou}"
    assert root.patch(path, json={"role": "property"}, headers=ANY).status_code == 200
    log.has("account.role.changed", chief, "account", zhou)
    assert root.patch(path, json={"communities": []}, headers=ANY).status_code == 200
    log.has("account.communities.changed", chief, "account", zhou)
    for enabled in (False, True):
        assert root.patch(path, json={"enabled": enabled}, headers=ANY).status_code == 200
    log.has("account.disabled", chief, "account", zhou)
    log.has("account.enabled", chief, "account", zhou)
    token = post(root, "/tokens", 201, account="zhou", name="display", days=3)
    number = token["token"]["id"]
    log.has("token.added", chief, "account", zhou, number)
    assert root.delete(f"/api/v1/tokens/{number}").status_code == 204
    log.has("token.revoked", chief, "account", zhou, number)
    log.says_nothing_of(made["password"], token["secret"])


def test_what_is_done_to_alerts_and_devices(world: World) -> None:
    """By whom: the names are the accounts' ids."""
    guard, log, alert = id_of(world, f"{HOME}-security"), Log(world), f"a{HOME}0001"
    with world.client(f"{HOME}-security") as client:
        post(client, f"/alerts/{alert}/shelve", until=format_time(world.clock.now() + HOUR), reason="works")
        post(client, f"/alerts/{alert}/unshelve", comment="over")
        asked = client.post(
            f"/api/v1/devices/{HOME}-door/commands", json={"command": "unlock", "reason": "a parcel", "arguments": {}}
        )
        assert asked.status_code in (201, 202), asked.text
    log.has("alert.shelved", guard, "alert", alert)
    log.has("alert.unshelved", guard, "alert", alert)
    assert [one.entry.actor for one in log.new() if one.entry.verb == "command.asked"] == [guard]


def test_what_is_done_to_the_registry(world: World, root: httpx.Client) -> None:
    """Each record that is changed, removed, replaced, merged or adopted, by its id."""
    chief, log, place = id_of(world, "root"), Log(world), {"community": HOME, "name": NAME}
    bodies = {
        "place": ("places/p-acts", {"kind": "room", "code": "909", "parent": f"{HOME}-b1"}),
        "gateway": ("gateways/g-acts", {}),
        "facility": ("facilities/f-acts", {"kind": "lift", "place": f"{HOME}-b1"}),
        "device": ("devices/d-acts", {"kind": "door", "gateway": f"gw-{HOME}", "place": f"{HOME}-b1"}),
    }
    for path, body in bodies.values():
        answer = root.put(f"{R}/{path}", json=place | body, headers={"if-none-match": "*"})
        assert answer.status_code in (200, 201), answer.text
    twin = bodies["device"][1] | place
    assert root.put(f"{R}/devices/d-twin", json=twin, headers={"if-none-match": "*"}).status_code in (200, 201)
    post(root, "/registry/devices/d-acts/merge", duplicate="d-twin")
    log.has("registry.merged", chief, "device", "d-acts", "d-twin")
    replaced = root.post(
        f"{R}/devices/d-acts/replace", json={"serial": "B2", "reason": "worn out"}, headers={"if-match": "*"}
    )
    assert replaced.status_code == 200, replaced.text
    log.has("registry.device.replaced", chief, "device", "d-acts")
    for kind, (path, _) in [*bodies.items()][::-1]:
        assert root.delete(f"{R}/{path}", headers=ANY).status_code == 204
        for verb in CHANGED[kind]:
            log.has(verb, chief, kind, path.rpartition("/")[2])
    company = {"kind": "contractor", "name": NAME}
    assert root.put(f"{R}/organisations/o-acts", json=company, headers={"if-none-match": "*"}).status_code in (200, 201)
    assert root.delete(f"{R}/organisations/o-acts", headers=ANY).status_code == 204
    assert [one.entry.ids for one in log.new() if one.entry.verb == "registry.record.removed"] == [
        ("organisation:o-acts",)
    ]
    now = world.clock.now()
    sample = Sample(now, "temperature", 21.5, "Cel")
    heard = Stranger(HOME, f"gw-{HOME}", "d-new", now - SECOND, now, 3, ("temperature",), (), (sample,))
    SqlStrangers(world.database).put([heard], {}, now)
    what = {"kind": "door", "name": NAME, "place": f"{HOME}-b1"}
    post(root, f"/registry/unknown-devices/gw-{HOME}/d-new/adopt", 201, **what)
    log.has("registry.device.adopted", chief, "device", "d-new")


def test_what_is_done_to_persons(world: World, root: httpx.Client) -> None:
    """By their ids alone."""
    chief, log = id_of(world, "root"), Log(world)
    first, second = register(root, HOME, "冯九", "13900000009"), register(root, HOME, "冯久", "13900000010")
    post(root, f"/registry/persons/{first['person']}/merge", 204, duplicate=second["person"])
    log.has("person.merged", chief, "person", first["person"], second["person"])
    gone = root.delete(f"{R}/persons/{first['person']}", params={"along": "true"}, headers=ANY)
    assert gone.status_code == 204, gone.text
    log.has("person.removed", chief, "person", first["person"])
    log.says_nothing_of("冯九", "冯久", "13900000009", "13900000010")


def test_gateways_that_join(world: World, root: httpx.Client) -> None:
    """Who invited, and that somebody came with the code, which is in no entry."""
    chief, gateway, log = id_of(world, "root"), f"gw-{HOME}", Log(world)
    users = BrokerUsers(DataFolder(world.services.settings.data).secrets)
    users.ensure({f"gateway.{gateway}": gateway_access(HOME, gateway)})
    code = post(root, f"/gateways/{gateway}/invitation", 201, hours=2)["code"]
    log.has("enrolment.invited", chief, "gateway", gateway)
    with world.client() as stranger:
        given = post(stranger, "/enrolments/redeem", code=code, attempt="x" * 16)
    assert [one.entry.ids for one in log.new() if one.entry.verb == "enrolment.redeemed"] == [(gateway,)]
    log.says_nothing_of(code, given["broker"]["password"])


def test_dead_letters(world: World) -> None:
    """By whoever runs the machine: how many, never what was in them."""
    letters, log, now = SqlDeadLetters(world.database), Log(world), world.clock.now()
    payload = b"a payload that is nobody's business"
    letters.put(
        [DeadLetter("k1", "ingest", now, lane_topic(HOME, f"gw-{HOME}", Lane.BULK), "bad", "x", payload, len(payload))]
    )
    with beginning(Came("", "cli:root")):
        letters.request_replay(Choice(), now)
        letters.purge(Choice(), now)
    assert {one.entry.actor for one in log.new()} == {"cli:root"}
    done = [one.entry.verb for one in log.new() if one.entry.kind == "deadletter"]
    assert done == ["deadletters.replayed", "deadletters.purged"]
    log.says_nothing_of("nobody's business")
