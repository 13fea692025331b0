"""`linli webhooks` and `linli devices` against a real API, as somebody at a terminal and a script have them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from linli.cli.app import app
from linli.cli.remote.completing import alert_ids, change_kinds, device_ids, webhook_ids
from linli.cli.remote.connection import LOCAL, Noted, write_note
from linli.client import ApiProblem, Client
from linli.clock import HOUR
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import Role
from linli.settings import Settings
from tests.databases import Databases
from tests.integration.api_world import HOME, World, make_alert, running_world
from tests.integration.receivers import Receiver, receiving
from tests.support import eventually, free_port

pytestmark = pytest.mark.integration

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("remote")
    with pytest.MonkeyPatch.context() as patch, databases.new() as url:
        patch.setenv("LINLI_WEBHOOK_ALLOWED", "127.0.0.1")
        with running_world(folder, url) as running:
            yield running


@pytest.fixture(autouse=True)
def terminal(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An administrator's, who speaks English, with the token in the environment."""
    for name in [name for name in os.environ if name.startswith("LINLI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setenv("LINLI_URL", world.url)
    monkeypatch.setenv("LINLI_TOKEN", world.services.people.new_token("root", "cli", 1)[1])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def hook(receiver: Receiver) -> Iterator[str]:
    """A webhook that is told of openings."""
    made = said("webhooks", "add", "desk", receiver.url, "--kind", "opened")["id"]
    yield made
    CliRunner().invoke(app, ["webhooks", "remove", "--yes", made])


def run(*words: str, status: int = 0, given: str | None = None) -> str:
    """What is printed. An error of ours is what `linli.cli.main` tells, with status 2."""
    result = CliRunner().invoke(app, words, input=given)
    if isinstance(result.exception, LinliError):
        assert status == 2, result.exception
        return str(result.exception)
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


def said(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


# --- webhooks -----------------------------------------------------------------------------------------------------------


def test_a_webhook_is_made_and_its_secret_is_shown_this_once(receiver: Receiver) -> None:
    """Alone on its line, to be copied; nothing that is shown later has it."""
    shown = run("webhooks", "add", "Property desk", receiver.url, "--severity", "critical", "--severity", "high")
    secret = re.search(r"^whsec_\S+$", shown, re.MULTILINE)
    assert secret is not None
    made = shown.partition(":")[0]
    later = run("webhooks", "list") + run("webhooks", "show", made) + json.dumps(said("webhooks", "show", made))
    assert secret[0] not in later
    assert all(word in later for word in (made, "Property desk", receiver.url, "critical, high", "nothing sent yet"))
    assert run("webhooks", "remove", made, given="n\n", status=1).count("Remove Property desk") == 1
    run("webhooks", "remove", made, given="y\n")
    assert made not in run("webhooks", "list")


def test_what_is_edited_changes_and_the_rest_stays(hook: str) -> None:
    """A limit is set, added to by name, and taken away with --any."""
    run("webhooks", "edit", hook, "--name", "Night desk", "--community", HOME)
    found = said("webhooks", "show", hook)
    assert (found["name"], found["communities"], found["kinds"]) == ("Night desk", [HOME], ["opened"])
    run("webhooks", "edit", hook, "--any", "communities", "--any", "kinds")
    found = said("webhooks", "show", hook)
    assert (found["communities"], found["kinds"], found["name"]) == ([], [], "Night desk")
    run("webhooks", "edit", hook, status=2)
    run("webhooks", "edit", hook, "--kind", "closed", "--any", "kinds", status=2)
    assert "there is no community" in run("webhooks", "edit", hook, "--community", "nowhere", status=2)


def test_it_is_paused_and_resumed(world: World, hook: str, receiver: Receiver) -> None:
    """What happened meanwhile comes then; and of several each is told of, with status 1 if one is refused."""
    assert "paused" in run("webhooks", "pause", hook)
    assert "off" in run("webhooks", "list")
    assert "Turned off by a person" in run("webhooks", "show", hook)
    world.change(make_alert(HOME, 811, world.clock.now()))
    said_of = run("webhooks", "resume", hook, "w-none", status=1)
    assert f"{hook}: resumed" in said_of
    assert "there is no webhook w-none" in said_of
    eventually(lambda: len(receiver.requests) == 1)
    assert receiver.requests[0].document["data"]["alert"]["id"] == f"a{HOME}0811"


def test_a_test_says_what_the_receiver_answers(hook: str, receiver: Receiver) -> None:
    """With the exit status a script goes by."""
    assert "delivered: HTTP 204" in run("webhooks", "test", hook)
    receiver.replies = lambda _request: (500, {}, b"\x1b[31mbroken")
    refused = run("webhooks", "test", hook, status=1)
    assert refused.startswith("failed: HTTP 500")
    assert "\x1b" not in refused
    run("webhooks", "edit", hook, "--url", f"http://127.0.0.1:{free_port()}/gone")
    assert "failed: cannot be reached" in run("webhooks", "test", hook, status=1)


def test_the_log_and_what_is_sent_again(world: World, hook: str, receiver: Receiver) -> None:
    """By its number, and by a stretch of time; a test is not sent again."""
    assert "nothing was sent" in run("webhooks", "log", hook)
    world.change(make_alert(HOME, 821, world.clock.now()))
    eventually(lambda: len(said("webhooks", "log", hook)) == 1)
    run("webhooks", "test", hook)
    tried, sent = said("webhooks", "log", hook)
    assert (tried["kind"], sent["kind"], sent["outcome"]) == ("test", "opened", "delivered")
    table = run("webhooks", "log", hook)
    assert "NUMBER" in table
    assert f"a{HOME}" not in table
    assert "there are more" in run("webhooks", "log", hook, "--limit", "1")
    assert said("webhooks", "log", hook, "--outcome", "failed") == []

    run("webhooks", "replay", hook, str(sent["id"]))
    eventually(lambda: len(receiver.requests) == 3)
    assert receiver.requests[2].headers["webhook-id"] == receiver.requests[0].headers["webhook-id"]
    assert "a test is not sent again" in run("webhooks", "replay", hook, str(tried["id"]), status=1)
    assert said("webhooks", "replay", hook, "--since", "1h")["changes"] >= 1
    eventually(lambda: any(line["origin"] == "replay" for line in said("webhooks", "log", hook)))
    run("webhooks", "replay", hook, status=2)
    run("webhooks", "replay", hook, "1", "--since", "1h", status=2)
    assert "is no time" in run("webhooks", "replay", hook, "--since", "yesterday", status=2)


def test_the_secret_is_rotated(hook: str) -> None:
    """The new one is shown this once, and until when the former signs too is said for longer."""
    fresh = said("webhooks", "rotate", hook)["secret"]
    assert fresh.startswith("whsec_")
    shown = run("webhooks", "show", hook)
    assert fresh not in shown
    assert "former secret until" in shown


def test_chinese(hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, also what the server says."""
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    assert "没有 webhook" in run("webhooks", "show", "w-none", status=2)
    assert hook in run("webhooks", "list")


def test_who_may_not_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard has none."""
    token = world.services.people.new_token(f"{HOME}-{Role.SECURITY}", "guard", 1)[1]
    monkeypatch.setenv("LINLI_TOKEN", token)
    assert "may not" in run("webhooks", "list", status=2) or "not allowed" in run("webhooks", "list", status=2)


def test_a_change_by_what_was_read_is_refused_once_somebody_else_changed_it(world: World, hook: str) -> None:
    """With the client, as `edit` does it."""
    token = world.services.people.new_token("root", "client", 1)[1]
    with Client(world.url, token) as linli:
        read = linli.webhook(hook)
        linli.change_webhook(hook, read.etag, name="first")
        with pytest.raises(ApiProblem) as problem:
            linli.change_webhook(hook, read.etag, name="second")
        assert problem.value.status == 412
        assert linli.webhook(hook).name == "first"


# --- devices ------------------------------------------------------------------------------------------------------------


def test_a_device_is_shown_and_its_equipment_replaced(world: World) -> None:
    """Twice: each time by the record as it is then; what stood there before is told."""
    door = f"{HOME}-door"
    assert all(word in run("devices", "show", door) for word in (door, f"gw-{HOME}", f"{HOME} building", "state"))
    run("devices", "replace", door, "--reason", "worn", status=2)
    run("devices", "replace", door, "--serial", "SN-1", "--model", "M1", "--reason", "worn")
    shown = run("devices", "replace", door, "--serial", "SN-2", "--reason", "struck by lightning")
    assert shown.index("SN-2") < shown.index("SN-1")
    assert "struck by lightning" in shown
    found = said("devices", "show", door)
    assert found["registered"]["equipment"]["serial"] == "SN-2"
    assert [one["serial"] for one in found["installations"]][:2] == ["SN-2", "SN-1"]
    assert found["now"]["id"] == door
    assert "there is no" in run("devices", "show", "nothing", status=2)


# --- alerts ---


def test_what_was_done_is_said_also_when_the_server_is_lost_half_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that is not told would do it again, or think that nothing was done."""
    world.change(make_alert(HOME, 851, world.clock.now()))
    first, real = f"a{HOME}0851", Client.acknowledge

    def once(linli: Client, alert: str, comment: str = "") -> object:
        if alert != first:
            raise LinliError(Text("连不上", "there is no connection"))
        return real(linli, alert, comment)

    monkeypatch.setattr(Client, "acknowledge", once)
    result = CliRunner().invoke(app, ["alerts", "ack", first, "other", "--json"])
    assert result.exit_code != 0
    assert [one["id"] for one in json.loads(result.stdout)] == [first]


def test_a_script_reads_what_happens_line_by_line(world: World) -> None:
    """Each change is a JSON document on a line of its own, there as soon as it happens."""
    command = [str(Path(sys.executable).parent / "linli"), "alerts", "watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watching:
        try:
            assert watching.stdout is not None
            eventually(lambda: world.services.live.streams > 0, what="it listens")
            for number in (841, 842):
                world.change(make_alert(HOME, number, world.clock.now()))
            told = [json.loads(watching.stdout.readline()) for _ in range(2)]
        finally:
            watching.kill()
    assert [one["alert"]["id"] for one in told] == [f"a{HOME}0841", f"a{HOME}0842"]


# --- completion ---------------------------------------------------------------------------------------------------------


def test_the_shell_completes_ids_with_what_they_are(world: World, hook: str) -> None:
    """And kinds of change; those that begin with what is typed."""
    world.change(make_alert(HOME, 831, world.clock.now() - HOUR))
    assert (hook, "desk") in webhook_ids("w")
    assert webhook_ids("x") == []
    assert (f"{HOME}-door", f"{HOME} door") in device_ids(HOME)
    assert f"a{HOME}0831" in dict(alert_ids(f"a{HOME}08"))
    assert ("opened", "Opened") in change_kinds("o")


def test_completion_says_nothing_where_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor without a token: words would land in the command line."""
    monkeypatch.setenv("LINLI_URL", f"http://127.0.0.1:{free_port()}")
    assert webhook_ids("") == []
    monkeypatch.delenv("LINLI_TOKEN")
    assert device_ids("") == []


def test_a_noted_login_serves_them_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`linli login` once, then neither address nor token."""
    token = world.services.people.new_token("root", "noted", 1)[1]
    monkeypatch.delenv("LINLI_URL")
    monkeypatch.delenv("LINLI_TOKEN")
    assert "linli login" in run("webhooks", "list", status=2)
    write_note(Noted(world.url, token))
    run("webhooks", "list")


# --- the pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["webhooks.md", "webhooks.zh-CN.md"])
def test_the_page_has_every_command_and_no_other(page: str) -> None:
    """And the options that it gives them are theirs."""
    text = (DOCS / page).read_text("utf-8")
    shown = re.findall(r"^linli webhooks (\w+)(.*?)(?:#.*)?$", text, re.MULTILINE)
    commands = get_command(app).commands["webhooks"].commands  # type: ignore[attr-defined]
    assert {name for name, _ in shown} == commands.keys()
    for name, words in shown:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--\w+", words)) <= known, name


@pytest.mark.parametrize("page", ["terminal.md", "terminal.zh-CN.md"])
def test_the_page_of_the_terminal_says_what_there_is(page: str) -> None:
    """Each command on it is one, with those options; those of alerts and devices are all there; this machine is where `linli up` is."""
    text = (DOCS / page).read_text("utf-8")
    lines = re.findall(r"^linli (\w+) ?(\w*)(.*?)(?:#.*)?$", text, re.MULTILINE)
    groups = get_command(app).commands  # type: ignore[attr-defined]
    for group, name, words in lines:
        command = getattr(groups[group], "commands", {}).get(name, groups[group])
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--\w+", words)) <= known, (group, name)
    for group in ("alerts", "devices"):
        assert {name for found, name, _ in lines if found == group} == groups[group].commands.keys()
    assert f"http://127.0.0.1:{Settings.model_fields['port'].default}" == LOCAL
    assert LOCAL in text


@pytest.mark.parametrize("page", ["webhooks.md", "webhooks.zh-CN.md"])
def test_the_lines_of_python_do_what_they_say(page: str, world: World, receiver: Receiver) -> None:
    """As they stand there, but for the addresses."""
    (code,) = re.findall(r"```py\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    token = world.services.people.new_token("root", "page", 1)[1]
    code = code.replace("https://linli.example", world.url).replace("https://desk.example.org/linli", receiver.url)
    exec(code, {"token": token})
    (made,) = said("webhooks", "list")
    assert sorted(made["kinds"]) == ["closed", "opened"]
    run("webhooks", "remove", "--yes", made["id"])
