"""What devices of each kind can be told to do: a table, read by who asks, who sends and who carries out.

What is not here is refused on both sides. Only what a person on duty needs and what does no harm when done once too often
is here: no pump is stopped and no lift is moved over a network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from linli.errors import Refused
from linli.i18n import Text


@dataclass(frozen=True, slots=True)
class Argument:
    """A whole number from `least` to `most`; `default` if it is not given."""

    name: Text
    least: int
    most: int
    default: int


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One command of one kind of device.

    `needs_reason`: whoever asks says why. `guarded`: a matter of security, not of running the building. `event`: what the
    gateway reports of the device once it is done, so that rules do not take the door that opens for one that was forced.
    """

    name: Text
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    needs_reason: bool = False
    guarded: bool = True
    event: str | None = None


_OPEN_FOR = Argument(Text("秒数", "Seconds"), 1, 60, 5)
_SOUND_FOR = Argument(Text("秒数", "Seconds"), 1, 600, 60)

COMMANDS: Mapping[str, Mapping[str, CommandKind]] = {
    "door": {
        "unlock": CommandKind(
            Text("开门", "Open door"), {"seconds": _OPEN_FOR}, needs_reason=True, event="access.granted"
        ),
        "lock": CommandKind(Text("恢复上锁", "Lock again")),
    },
    "siren": {
        "on": CommandKind(Text("鸣响警号", "Switch siren on"), {"seconds": _SOUND_FOR}, needs_reason=True),
        "off": CommandKind(Text("关闭警号", "Silence siren")),
    },
    "relay": {
        "on": CommandKind(Text("接通", "Switch on"), needs_reason=True, guarded=False),
        "off": CommandKind(Text("断开", "Switch off"), needs_reason=True, guarded=False),
    },
}
"""By kind of device, then by name. A door that is unlocked locks itself after `seconds`, a siren falls silent: no second
command is needed, and none can get lost. Locking keeps nobody in: doors on the way out open from inside without power."""


def commands_of(kind: str) -> Mapping[str, CommandKind]:
    """What a device of this kind can be told, by name; empty for most."""
    return COMMANDS.get(kind, {})


def command_kind(kind: str, name: str) -> CommandKind:
    """The command, or Refused 'unknown_command' that says what there is."""
    known = commands_of(kind)
    if name not in known:
        there = ", ".join(known)
        raise _refused(
            "unknown_command",
            Text(
                f"{kind} 类设备没有命令 {name:.64}；可用：{there}" if there else f"{kind} 类设备不接受任何命令",
                f"a {kind} has no command {name:.64}; it has {there}" if there else f"a {kind} takes no commands",
            ),
        )
    return known[name]


def command_name(kind: str, name: str) -> Text:
    """What the command is called, or its own name."""
    found = commands_of(kind).get(name)
    return Text(name, name) if found is None else found.name


def complete(kind: str, name: str, arguments: Mapping[str, int]) -> dict[str, int]:
    """The arguments with defaults filled in; Refused 'unknown_command' or 'bad_arguments'."""
    wanted = command_kind(kind, name).arguments
    strange = sorted(arguments.keys() - wanted.keys())
    if strange:
        there = ", ".join(wanted)
        raise _refused(
            "bad_arguments",
            Text(f"{name} 不接受参数 {strange[0]:.64}", f"{name} takes no argument {strange[0]:.64}")
            if not there
            else Text(
                f"{name} 不接受参数 {strange[0]:.64}；可用：{there}",
                f"{name} takes no argument {strange[0]:.64}; it takes {there}",
            ),
        )
    filled = {key: arguments.get(key, argument.default) for key, argument in wanted.items()}
    for key, argument in wanted.items():
        if type(filled[key]) is not int or not argument.least <= filled[key] <= argument.most:
            raise _refused(
                "bad_arguments",
                Text(
                    f"{key} 须为 {argument.least} 到 {argument.most} 的整数",
                    f"{key} must be a whole number from {argument.least} to {argument.most}",
                ),
            )
    return filled


def _refused(reason: str, text: Text) -> Refused:
    error = Refused(reason, text.en)
    error.text = text
    return error
