"""The foot of a dialog that asks before something is done: what is wrong, a way back, and the button that does it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from api.console import texts
from api.console.layout import Node
from linli.errors import LinliError, NotSignedIn, StoreError
from linli.i18n import Text

_log = logging.getLogger(__name__)


class Foot:
    """Drawn where it is made. `missing` tells what is still to be filled in, or None. `do` runs on a thread; what it raises is told
    and the dialog stays open. `done` is called afterwards, whatever became of it."""

    def __init__(
        self,
        dialog: ui.dialog,
        language: str,
        button: Text,
        missing: Callable[[], Text | None],
        do: Callable[[], None],
        done: Callable[[], Awaitable[None]] | None = None,
        data_test: str = "confirm",
    ) -> None:
        self._dialog = dialog
        self._language = language
        self._missing = missing
        self._do = do
        self._done = done
        self._fault = Node("div", classes="fault-line", role="alert")
        with Node("div", classes="actions"):
            cancel = Node("button", texts.CANCEL.of(language), "btn", type="button")
            self._button = Node("button", button.of(language), "btn btn-main", type="button", data_test=data_test)
        cancel.on("click", dialog.close)
        self._button.on("click", self._confirm)
        self.say(None)

    def say(self, fault: Text | None) -> None:
        """What is wrong; None for nothing."""
        self._fault.set_text("" if fault is None else fault.of(self._language))
        self._fault.set_visibility(fault is not None)

    async def _confirm(self) -> None:
        missing = self._missing()
        if missing is not None:
            self.say(missing)
            return
        self._enable(False)
        try:
            await asyncio.to_thread(self._do)
        except NotSignedIn:
            ui.navigate.to("/login?fault=ended")
        except (SQLAlchemyError, StoreError) as error:
            _log.warning("what somebody asked for could not be stored: %s", error)
            self.say(texts.TRY_AGAIN)
        except LinliError as error:
            self.say(error.text)
        else:
            self._dialog.close()
        finally:
            self._enable(True)
        if self._done is not None:
            await self._done()

    def _enable(self, enabled: bool) -> None:
        self._button.props["disabled"] = not enabled
        self._button.update()
