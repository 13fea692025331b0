"""Telling devices what to do: buttons, a question that asks why, and what became of it, in words, within seconds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlalchemy.exc import SQLAlchemyError

from api.commands.service import CommandView, Offered
from api.console import texts
from api.console.foot import Foot
from api.console.layout import Node, sign
from api.console.rows import moment
from api.console.visit import Visit, person_now
from api.services import Services
from linli.commands.kinds import CommandKind
from linli.commands.life import CommandState
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import Device

IDLE_S = 5.0
WAITING_S = 0.5
SHOWN = 5
"""Commands in the history."""

_SIGNS = {CommandState.DONE: "ok", CommandState.REFUSED: "high", CommandState.FAILED: "critical"}


@dataclass(frozen=True, slots=True)
class Controls:
    """What one person may tell some devices, and what these were told."""

    offered: tuple[Offered, ...]
    told: tuple[CommandView, ...]

    @property
    def waiting(self) -> bool:
        """Whether one is on its way."""
        return any(view.command.open for view in self.told)


def read_controls(services: Services, visit: Visit, devices: Sequence[str]) -> Controls:
    """Reads the database. NotSignedIn if the session has ended."""
    person = person_now(services, visit)
    offered = services.commands.offered(person, devices)
    return Controls(tuple(offered), tuple(services.commands.of_devices(person, devices, SHOWN)))


class CommandPanel:
    """The panel of some devices. `draw` puts it where one is, as often as the page is drawn again; it looks by itself."""

    def __init__(self, services: Services, visit: Visit, devices: Sequence[str], found: Controls) -> None:
        self._services = services
        self._visit = visit
        self._devices = tuple(devices)
        self._found = found
        self._list: Node | None = None
        self._dialog = CommandDialog(services, visit, self._look)
        self._looked_at = services.clock.monotonic()
        ui.timer(WAITING_S, self._tick, immediate=False)

    def draw(self) -> None:
        """The panel here; nothing, if there is nothing to tell and nothing was told."""
        self._list = None
        if not (self._found.offered or self._found.told):
            return
        language = self._visit.language
        with Node("section", classes="panel", data_test="commands"):
            Node("h2", texts.CONTROLS.of(language))
            for offered in self._found.offered:
                self._device(offered)
            self._list = Node("div", aria_live="polite")
            self._draw_told()

    def _device(self, offered: Offered) -> None:
        language = self._visit.language
        with Node("div", classes="control", data_device=offered.device.id):
            Node("span", offered.device.name.of(language))
            with Node("div", classes="control-acts"):
                for name, kind in offered.commands.items():
                    button = Node("button", kind.name.of(language), "btn", type="button", data_command=name)
                    button.on("click", self._asking(offered.device, name, kind))

    def _asking(self, device: Device, name: str, kind: CommandKind) -> Callable[[], None]:
        return lambda: self._dialog.ask(device, name, kind)

    def _draw_told(self) -> None:
        if self._list is None:
            return
        self._list.clear()
        with self._list:
            if not self._found.told:
                Node("p", texts.NEVER_COMMANDED.of(self._visit.language), "muted")
                return
            Node("h3", texts.RECENT_COMMANDS.of(self._visit.language))
            with Node("ol", classes="log"):
                for view in self._found.told:
                    self._one(view)

    def _one(self, view: CommandView) -> None:
        language, command = self._visit.language, view.command
        when = moment(command.asked_at, self._visit.zone(command.community), self._services.clock.now())
        with Node("li", classes="by-person", data_state=command.state.value):
            Node("b", f"{view.command_name.of(language)} · {view.device_name.of(language)}")
            with Node("div", classes=f"outcome s-{_SIGNS.get(command.state, 'unknown')}"):
                sign(_SIGNS.get(command.state, "unknown"))
                Node("span", view.outcome.of(language))
            with Node("div"):
                Node("small", f"{view.actor_name} · {when}")
            if command.reason:
                Node("q", command.reason)

    async def _tick(self) -> None:
        if self._found.waiting or self._services.clock.monotonic() - self._looked_at >= IDLE_S:
            await self._look()

    async def _look(self) -> None:
        self._looked_at = self._services.clock.monotonic()
        try:
            found = await asyncio.to_thread(read_controls, self._services, self._visit, self._devices)
        except (LinliError, SQLAlchemyError):
            return  # what is shown stays
        if found.told != self._found.told:
            self._found = found
            self._draw_told()


class CommandDialog:
    """Asks for the reason, and for how long. One for a page; `ask` opens it. `sent` is called when a command is on its way.

    Whether the session still stands, and what the person may do, is looked up at each command: a page may be open for days.
    """

    def __init__(self, services: Services, visit: Visit, sent: Callable[[], Awaitable[None]]) -> None:
        self._services = services
        self._visit = visit
        self._sent = sent
        self._device: Device | None = None
        self._name = ""
        self._kind: CommandKind | None = None
        self._reason = ""
        self._seconds: dict[str, str] = {}
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog", data_test="command-dialog")

    def ask(self, device: Device, name: str, kind: CommandKind) -> None:
        """Open for one command to one device."""
        self._device, self._name, self._kind, self._reason = device, name, kind, ""
        self._seconds = {key: str(argument.default) for key, argument in kind.arguments.items()}
        self._box.clear()
        with self._box:
            self._draw(device, kind)
        self._dialog.open()

    def _draw(self, device: Device, kind: CommandKind) -> None:
        language = self._visit.language
        Node("h2", kind.name.of(language))
        Node("p", device.name.of(language), "subject")
        Node("p", texts.COMMAND_HELP.of(language), "muted")
        for key, argument in kind.arguments.items():
            with Node("label", classes="field"):
                bounds = texts.BOUNDS.format(name=argument.name, least=argument.least, most=argument.most)
                Node("span", bounds.of(language))
                number = Node("input", type="number", min=argument.least, max=argument.most, value=argument.default)
                number.props["inputmode"] = "numeric"
                number.props["data-test"] = key
                number.on("input", self._numbering(key), js_handler="(event) => emit(event.target.value)")
        with Node("label", classes="field"):
            asked = texts.COMMAND_REASON if kind.needs_reason else texts.COMMAND_REASON_OPTIONAL
            Node("span", asked.of(language))
            field = Node("textarea", maxlength=2000, rows=2, data_test="reason")
            field.on("input", self._typed, js_handler="(event) => emit(event.target.value)")
        Foot(self._dialog, language, kind.name, self._missing, self._do, self._sent, data_test="send")

    def _numbering(self, key: str) -> Callable[[GenericEventArguments], None]:
        def typed(event: GenericEventArguments) -> None:
            self._seconds[key] = str(event.args)

        return typed

    def _typed(self, event: GenericEventArguments) -> None:
        self._reason = str(event.args)

    def _missing(self) -> Text | None:
        if self._kind is not None and self._kind.needs_reason and not self._reason.strip():
            return texts.COMMAND_REASON_MISSING
        return None if all(_is_number(typed) for typed in self._seconds.values()) else texts.NO_NUMBER

    def _do(self) -> None:
        assert self._device is not None
        arguments = {key: int(typed) for key, typed in self._seconds.items()}
        person = person_now(self._services, self._visit, acting=True)
        self._services.command(person, self._device.id, self._name, arguments, self._reason)


def _is_number(typed: str) -> bool:
    return typed.isascii() and typed.isdigit() and len(typed) < 7
