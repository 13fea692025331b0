"""The pages that describe settings and the wire format say what the code says."""

import re
from pathlib import Path

import pytest

from linli import codec, strictjson
from linli.codec import decode, decode_ack, decode_notice, decode_status
from linli.commands.kinds import COMMANDS
from linli.commands.wire import decode_command, decode_reply
from linli.settings import PREFIX, Settings
from linli.topics import GatewayTopic, Leaf
from linli.vocabulary import EVENT_TYPES, QUANTITIES

ROOT = Path(__file__).parents[2]
SETTINGS_PAGES = ["settings.md", "settings.zh-CN.md"]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every table row."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]


def default_of(name: str) -> str:
    """As the page shows it; None for what the page says in words."""
    value = Settings.model_fields[name].default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize("name", SETTINGS_PAGES)
def test_every_setting_is_on_the_page_and_nothing_else(name: str) -> None:
    """With its variable, its TOML name and its default."""
    found = {row[1].strip("`"): row for row in rows(page(name))}
    assert list(found) == list(dict.fromkeys(found))
    assert sorted(found) == sorted(Settings.model_fields)
    for setting, (variable, _, default, _) in found.items():
        assert variable == f"`{PREFIX}{setting.upper()}`"
        field = Settings.model_fields[setting]
        if field.default is not None and field.default_factory is None:
            assert default == default_of(setting), setting
        else:
            assert "`" not in default, setting


def test_the_english_page_says_what_the_field_says() -> None:
    """The description in the code is the one that people read."""
    for _, setting, _, meaning in rows(page("settings.md")):
        assert meaning == Settings.model_fields[setting.strip("`")].description


def test_every_event_type_and_quantity_is_on_the_page() -> None:
    """In both languages, with its unit; and the page names no other."""
    text = page("wire.md")
    types = {row[0].strip("`"): row for row in rows(text.split("## Event types")[1].split("## Quantities")[0])}
    assert {name: row[1:] for name, row in types.items()} == {k: [t.en, t.zh] for k, t in EVENT_TYPES.items()}
    quantities = {row[0].strip("`"): row for row in rows(text.split("## Quantities")[1])}
    assert quantities.keys() == QUANTITIES.keys()
    for name, quantity in QUANTITIES.items():
        _, unit, english, chinese = quantities[name]
        assert unit.strip("`") == (quantity.unit or ""), name
        assert english.startswith(quantity.name.en)
        assert chinese.startswith(quantity.name.zh)
        if quantity.flag:
            assert all(word.en in english and word.zh in chinese for word in quantity.words), name


def examples(kind: str) -> list[bytes]:
    found = re.findall(rf"```json {kind}\n(.*?)```", page("wire.md"), re.DOTALL)
    assert found, kind
    return [text.encode() for text in found]


@pytest.mark.parametrize("lane", ["urgent", "bulk"])
def test_the_examples_of_messages_are_messages(lane: str) -> None:
    """Whoever copies one from the page has a message that Linli takes."""
    for payload in examples(lane):
        message = decode(GatewayTopic("c001", "gw-c001", Leaf(lane)), payload)
        assert message.lane == lane
        assert message.readings or message.type in EVENT_TYPES


def test_the_other_examples_decode() -> None:
    """Acknowledgement, status, notice, command and reply."""
    assert [decode_ack(payload).upto for payload in examples("ack")] == [4021]
    assert [decode_status(payload).online for payload in examples("status")] == [True]
    assert [decode_notice(payload).change for payload in examples("notice")] == ["opened"]
    assert [decode_command(payload).command for payload in examples("command")] == ["unlock"]
    assert [decode_reply(payload).reason for payload in examples("reply")] == ["expired"]


def test_the_commands_on_the_page_are_those_of_the_table() -> None:
    """Each command of each kind of device, with its arguments and their bounds."""
    section = page("wire.md").split("| kind of device | command |")[1].split("\n\n")[0]
    found = {(row[0].strip("`"), row[1].strip("`")): row[2] for row in rows(section)}
    assert list(found) == [(kind, name) for kind, known in COMMANDS.items() for name in known]
    for (kind, name), said in found.items():
        arguments = COMMANDS[kind][name].arguments
        assert bool(arguments) == ("`" in said)
        assert all(f"`{key}`: {bound.least} to {bound.most}" in said for key, bound in arguments.items())


def test_the_attributes_on_the_page_are_those_of_the_codec() -> None:
    """Each one that is taken, and no other."""
    section = page("wire.md").split("| attribute |")[1].split("\n\n")[0]
    assert {row[0].strip("`") for row in rows(section)} == codec._EVENT_KEYS


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    """Numbers that other agents are built by."""
    limits = page("wire.md").split("### Limits")[1].split("## ")[0]
    for number in (codec.MAX_MESSAGE_BYTES, codec.MAX_READINGS, strictjson.MAX_DEPTH, strictjson.MAX_STRING):
        assert re.search(rf"\| {number:,} ", limits), number


def test_the_topics_on_the_page_are_all_topics() -> None:
    """Each leaf of a gateway, and the alert."""
    table = page("wire.md").split("## Topics")[1].split("## A message")[0]
    for leaf in Leaf:
        assert f"`linli/v1/{{community}}/gateway/{{gateway}}/{leaf}" in table
    assert "`linli/v1/{community}/alert/{alert}`" in table


def test_decisions_are_short_and_say_their_price() -> None:
    """Context, decision, price, numbered without gaps, in under 40 lines."""
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for number, file in enumerate(pages, start=1):
        lines = file.read_text("utf-8").splitlines()
        assert lines[0].startswith(f"# {number}. ")
        assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Price"]
        assert len(lines) < 40


@pytest.mark.parametrize("name", sorted(str(file.relative_to(ROOT)) for file in ROOT.glob("docs/**/*.md")))
def test_links_lead_somewhere(name: str) -> None:
    """A page of ours that another names is there."""
    file = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", file.read_text("utf-8")):
        assert target.startswith("http") or (file.parent / target).exists(), target
