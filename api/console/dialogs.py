"""Acting on an alert: acknowledge with a comment, close with a reason."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlalchemy.exc import SQLAlchemyError

from api.console import texts
from api.console.layout import Node
from api.console.visit import Visit, person_now
from api.services import Services
from api.views import AlertView
from linli.db.people import Person
from linli.errors import LinliError, NotSignedIn, StoreError
from linli.i18n import Text

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Act:
    """What can be done to an alert. `call` takes person, alert and text; `missing` is said where a text is required."""

    title: Text
    help: Text
    field: Text
    button: Text
    call: Callable[[Person, str, str], AlertView]
    missing: Text | None = None


def acknowledging(services: Services) -> Act:
    """Acknowledge, with a comment if one has something to say."""
    return Act(texts.ACKNOWLEDGE_TITLE, texts.ACKNOWLEDGE_HELP, texts.COMMENT, texts.ACKNOWLEDGE, services.acknowledge)


def closing(services: Services) -> Act:
    """Close, with a reason."""
    return Act(texts.CLOSE, texts.CLOSE_HELP, texts.REASON, texts.CLOSE, services.close, texts.REASON_MISSING)


class ActDialog:
    """A question with a text field. One for a page; `ask` opens it for one alert.

    Whether the session still stands is looked up at each act: a page may be open for days.
    """

    def __init__(self, services: Services, visit: Visit, act: Act) -> None:
        self._services = services
        self._visit = visit
        self._act = act
        self._alert = ""
        self._text = ""
        language = visit.language
        with ui.dialog() as self._dialog, Node("div", classes="dialog"):
            Node("h2", act.title.of(language))
            self._subject = Node("p", classes="subject")
            Node("p", act.help.of(language), "muted")
            with Node("label", classes="field"):
                Node("span", act.field.of(language))
                field = Node("textarea", maxlength=2000, rows=3, data_test="comment")
            self._fault = Node("div", classes="fault-line", role="alert")
            with Node("div", classes="actions"):
                cancel = Node("button", texts.CANCEL.of(language), "btn", type="button")
                self._button = Node("button", act.button.of(language), "btn btn-main", type="button")
        self._button.props["data-test"] = "confirm"
        cancel.on("click", self._dialog.close)
        field.on("input", self._typed, js_handler="(event) => emit(event.target.value)")
        self._button.on("click", self._confirm)

    def ask(self, alert: str, title: str) -> None:
        """Open for the alert of this id."""
        self._alert, self._text = alert, ""
        self._subject.set_text(title)
        self._say("")
        self._dialog.open()

    def _typed(self, event: GenericEventArguments) -> None:
        self._text = str(event.args)

    async def _confirm(self) -> None:
        if self._act.missing is not None and not self._text.strip():
            self._say(self._act.missing.of(self._visit.language))
            return
        self._enable(False)
        try:
            await asyncio.to_thread(self._do)
        except NotSignedIn:
            ui.navigate.to("/login?fault=ended")
        except (SQLAlchemyError, StoreError) as error:
            _log.warning("an act on %s could not be stored: %s", self._alert, error)
            self._say(texts.TRY_AGAIN.of(self._visit.language))
        except LinliError as error:
            self._say(error.text.of(self._visit.language))
        else:
            self._dialog.close()
        finally:
            self._enable(True)

    def _do(self) -> None:
        self._act.call(person_now(self._services, self._visit), self._alert, self._text)

    def _enable(self, enabled: bool) -> None:
        self._button.props["disabled"] = not enabled
        self._button.update()

    def _say(self, fault: str) -> None:
        self._fault.set_text(fault)
        self._fault.set_visibility(bool(fault))
