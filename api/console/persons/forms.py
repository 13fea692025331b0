"""A dialog that asks for a few things and then does something. What it shows of a person is behind a veil, and is gone when it closes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments, ValueChangeEventArguments

from api.console.foot import Foot
from api.console.layout import Node
from api.console.persons import texts
from api.console.visit import Visit, person_now
from api.services import Services
from linli.auditwords import PURPOSES
from linli.db.people import Person
from linli.i18n import Text

SHOWN_FOR_S = 120
"""For how long what is not masked is shown."""

Values = dict[str, str]
Do = Callable[[Person, Values], object]
"""What is done: takes who asks, and what was filled in by name."""


class Veil(Element, component="../static/veil.js"):
    """Hides what is in it again: `veil.js` says when."""

    def __init__(self, seconds: int, words: str = "") -> None:
        super().__init__()
        self.props["seconds"] = seconds
        self.props["words"] = words


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked for. `choices`: by value, to choose one of; `kind`: of an HTML input, or 'area' or 'check'."""

    name: str
    label: Text
    value: str = ""
    kind: str = "text"
    choices: Mapping[str, Text] = field(default_factory=dict)
    required: bool = False


def purpose_fields(purpose: str, *, reason: bool = True) -> list[Field]:
    """What for, and why."""
    choices = {"": texts.CHOOSE} | {word: name for word, name in PURPOSES.items() if word != "own"}
    return [
        Field("purpose", texts.PURPOSE, purpose, choices=choices, required=True),
        Field("reason", texts.REASON, required=reason),
    ]


class FormDialog:
    """One for a page; `ask` opens it. `done` is called after what was asked for is done."""

    def __init__(self, services: Services, visit: Visit, done: Callable[[], Awaitable[None]]) -> None:
        self._services = services
        self._visit = visit
        self._done = done
        self._fields: Sequence[Field] = ()
        self._values: Values = {}
        self._wanted = ""
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog tall", data_test="form")
        self._dialog.on_value_change(self._turned)

    def ask(
        self,
        title: Text,
        subject: str,
        fields: Sequence[Field],
        do: Do,
        *,
        words: Text | None = None,
        button: Text | None = None,
        typed: str = "",
    ) -> None:
        """Open. `typed`: what has to be typed before it is done, in the field 'typed'."""
        language = self._visit.language
        self._fields, self._wanted = fields, typed
        self._values = {one.name: one.value for one in fields}

        def do_it() -> None:
            do(person_now(self._services, self._visit, acting=True), dict(self._values))

        self._box.clear()
        with self._box, Veil(SHOWN_FOR_S) as veil, Node("div", classes="fields"):
            Node("h2", title.of(language))
            if subject:
                Node("p", subject, "subject")
            if words is not None:
                Node("p", words.of(language), "muted")
            for one in fields:
                self._field(one)
            Foot(self._dialog, language, button or title, self._missing, do_it, self._done, data_test="confirm")
        veil.on("over", self._dialog.close)
        self._dialog.open()

    def close(self) -> None:
        """Away with it, and with what it shows."""
        self._dialog.close()

    def _turned(self, event: ValueChangeEventArguments[bool]) -> None:
        if not event.value:
            self._box.clear()
            self._values = {}

    def _field(self, one: Field) -> None:
        language = self._visit.language

        def heard(event: GenericEventArguments) -> None:
            self._values[one.name] = str(event.args)

        if one.kind == "check":
            with Node("label", classes="pick"):
                made = Node("input", type="checkbox", data_test=f"f-{one.name}")
                if one.value:
                    made.props["checked"] = True
                Node("span", one.label.of(language))
            made.on("change", heard, js_handler="(event) => emit(event.target.checked ? '1' : '')")
            return
        with Node("label", classes="field"):
            Node("span", one.label.of(language))
            made = self._input(one)
        made.on("input", heard, js_handler="(event) => emit(event.target.value)")

    def _input(self, one: Field) -> Node:
        if one.choices:
            with Node("select", data_test=f"f-{one.name}") as chosen:
                for value, word in one.choices.items():
                    option = Node("option", word.of(self._visit.language), value=value)
                    if value == one.value:
                        option.props["selected"] = True
            return chosen
        return Node(
            "input",
            type=one.kind,
            value=one.value,
            maxlength=500,
            autocomplete="off",
            autocapitalize="none",
            data_test=f"f-{one.name}",
        )

    def _missing(self) -> Text | None:
        for one in self._fields:
            if one.required and not self._values.get(one.name, "").strip():
                return texts.FIELD_MISSING.format(name=one.label)
        if self._wanted and self._values.get("typed", "").strip() != self._wanted:
            return texts.WRONG_ID
        return None
