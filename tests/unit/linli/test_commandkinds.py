"""The table of what devices can be told."""

import re

import pytest

from linli.commands.kinds import COMMANDS, command_kind, command_name, commands_of, complete
from linli.commands.wire import MAX_ARGUMENTS, MAX_NUMBER
from linli.errors import Refused
from linli.i18n import Text
from linli.ids import is_id
from linli.vocabulary import DEVICE_KINDS, EVENT_TYPES

EVERY = [(kind, name) for kind, known in COMMANDS.items() for name in known]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_command_can_be_sent_and_shown(kind: str, name: str) -> None:
    """Its words fit the wire and the vocabulary, its bounds hold its default, and it is named in both languages."""
    found = COMMANDS[kind][name]
    assert kind in DEVICE_KINDS
    assert is_id(name)
    assert found.event is None or found.event in EVENT_TYPES
    assert len(found.arguments) <= MAX_ARGUMENTS
    for key, argument in found.arguments.items():
        assert is_id(key)
        assert argument.least <= argument.default <= argument.most <= MAX_NUMBER
    assert re.search(r"[\u4e00-\u9fff]", found.name.zh)
    assert found.name.en.isascii()


def test_what_lets_people_in_or_frightens_them_takes_a_reason() -> None:
    """The audit log is to say why."""
    assert COMMANDS["door"]["unlock"].needs_reason
    assert COMMANDS["siren"]["on"].needs_reason


def test_nothing_dangerous_can_be_told() -> None:
    """No lift is moved, no pump stopped, no detector silenced over a network."""
    for kind in DEVICE_KINDS:
        assert bool(commands_of(kind)) == (kind in ("door", "siren", "relay"))


def test_defaults_are_filled_in() -> None:
    """The gateway gets every argument."""
    assert complete("door", "unlock", {}) == {"seconds": 5}
    assert complete("door", "unlock", {"seconds": 60}) == {"seconds": 60}
    assert complete("door", "lock", {}) == {}


@pytest.mark.parametrize(
    ("kind", "name", "arguments", "reason", "said"),
    [
        ("door", "explode", {}, "unknown_command", "it has unlock, lock"),
        ("lift", "on", {}, "unknown_command", "takes no commands"),
        ("nonsense", "on", {}, "unknown_command", "takes no commands"),
        ("door", "unlock", {"seconds": 0}, "bad_arguments", "from 1 to 60"),
        ("door", "unlock", {"seconds": 61}, "bad_arguments", "from 1 to 60"),
        ("door", "unlock", {"seconds": True}, "bad_arguments", "from 1 to 60"),
        ("door", "unlock", {"floor": 1}, "bad_arguments", "it takes seconds"),
        ("door", "lock", {"seconds": 5}, "bad_arguments", "takes no argument seconds"),
    ],
)
def test_what_is_not_in_the_table_is_refused(
    kind: str, name: str, arguments: dict[str, int], reason: str, said: str
) -> None:
    """With what there is instead."""
    with pytest.raises(Refused, match=said) as refusal:
        complete(kind, name, arguments)
    assert refusal.value.reason == reason


def test_names_for_people() -> None:
    """A command of an older version is shown by its own name."""
    assert command_name("door", "unlock") == command_kind("door", "unlock").name
    assert command_name("door", "wave") == Text("wave", "wave")
