"""How a page asks what somebody looks for, and keeps it: the word goes along in the address, a reason never does."""

from collections.abc import Awaitable, Callable

from nicegui.events import GenericEventArguments

from api.console.layout import Node
from api.console.persons import texts
from api.registry.persons import Look
from linli.auditwords import PURPOSES
from linli.i18n import Text


def purpose_of(word: str) -> str:
    """The purpose that an address names; '' for none, and for one that has to be stated in words."""
    return word if word in PURPOSES and word not in ("other", "own") else ""


def link(path: str, purpose: str) -> str:
    """The address, with the purpose that it is looked at for."""
    return f"{path}?purpose={purpose}" if purpose_of(purpose) else path


class PurposeForm:
    """Asks for a purpose and a reason; `go` is called with them once they are there."""

    def __init__(
        self, language: str, purpose: str, go: Callable[[Look], Awaitable[None]], button: Text = texts.SHOW
    ) -> None:
        self._language = language
        self._go = go
        self.purpose, self.reason = purpose, ""
        choices = {"": texts.CHOOSE} | {word: name for word, name in PURPOSES.items() if word != "own"}
        with Node("label", classes="field"):
            Node("span", texts.PURPOSE.of(language))
            with Node("select", data_test="purpose") as select:
                for value, word in choices.items():
                    option = Node("option", word.of(language), value=value)
                    if value == purpose:
                        option.props["selected"] = True
        with Node("label", classes="field"):
            Node("span", texts.REASON.of(language))
            field = Node("input", type="text", maxlength=500, autocomplete="off", data_test="reason")
        select.on("change", self._chosen, js_handler="(event) => emit(event.target.value)")
        field.on("input", self._typed, js_handler="(event) => emit(event.target.value)")
        self._button = Node("button", button.of(language), "btn btn-main", type="button", data_test="show")
        self._button.on("click", self.press)
        self._fault = Node("div", classes="fault-line", role="alert")
        self.say(None)

    def say(self, fault: Text | None) -> None:
        """What is wrong; None for nothing."""
        self._fault.set_text("" if fault is None else fault.of(self._language))
        self._fault.set_visibility(fault is not None)

    async def press(self) -> None:
        """What the button does."""
        if not self.purpose:
            self.say(texts.PURPOSE_MISSING)
        elif self.purpose == "other" and not self.reason.strip():
            self.say(texts.REASON_MISSING)
        else:
            self.say(None)
            await self._go(Look(self.purpose, self.reason.strip()))

    def _chosen(self, event: GenericEventArguments) -> None:
        self.purpose = str(event.args) if str(event.args) in PURPOSES else ""

    def _typed(self, event: GenericEventArguments) -> None:
        self.reason = str(event.args)
