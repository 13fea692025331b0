"""One's own webhooks, everybody's for who manages accounts; and how each stands with its receiver."""

import asyncio
from collections.abc import Mapping

from api.console.account_dialogs import SecretDialog
from api.console.consoles import Console
from api.console.layout import Node, grade
from api.console.opening import Answer, Opened, Pages
from api.console.visit import person_now
from api.console.webhooks import texts
from api.console.webhooks.dialogs import WebhookDialog
from api.console.webhooks.shown import standing_words, when
from api.services import Services
from linli.db.people import Person
from linli.db.webhookrows import Webhook
from linli.i18n import Text
from linli.roles import Operation

PATH = "/webhooks"
MOST = 500


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page(PATH, Operation.MANAGE_WEBHOOKS)
    async def webhooks(opened: Opened) -> Answer:
        visit = opened.visit
        found = await asyncio.to_thread(_read, services, visit.person)
        communities, rules = await asyncio.to_thread(choices, services, visit.person)
        with opened.frame(texts.WEBHOOKS, PATH):
            _Board(services, opened.console, found, communities, rules)
        return None


def choices(services: Services, person: Person) -> tuple[dict[str, Text], dict[str, Text]]:
    """What a webhook can be narrowed to: communities and rules, by id."""
    communities = {one.id: one.name for one in services.communities(person)}
    return communities, {view.id: view.title for view in services.rules.all(person)}


def _read(services: Services, person: Person) -> list[tuple[Webhook, str]]:
    page = services.webhooks.all(person, MOST)
    return [(one, services.webhooks.owner_name(person, one)) for one in page.items]


class _Board:
    """The list, drawn again after a change."""

    def __init__(
        self,
        services: Services,
        console: Console,
        found: list[tuple[Webhook, str]],
        communities: Mapping[str, Text],
        rules: Mapping[str, Text],
    ) -> None:
        self._services = services
        self._visit = console.visit
        self._found = found
        language = self._visit.language
        once = SecretDialog(language, texts.SECRET_ONCE, texts.SECRET_ONCE_HELP, self._look)
        dialog = WebhookDialog(services, self._visit, communities, rules, once, self._look)
        with Node("div", classes="board-head"):
            Node("h1", texts.WEBHOOKS.of(language))
            Node("div", classes="push")
            adding = Node("button", texts.ADD.of(language), "btn btn-main", type="button", data_test="add")
            adding.on("click", dialog.ask_new)
            Node("p", texts.WEBHOOKS_HELP.of(language), "muted")
        self._box = Node("div", data_test="webhooks")
        self._draw()

    async def _look(self) -> None:
        person = await asyncio.to_thread(person_now, self._services, self._visit)
        self._found = await asyncio.to_thread(_read, self._services, person)
        self._box.clear()
        self._draw()

    def _draw(self) -> None:
        language = self._visit.language
        with self._box:
            if not self._found:
                Node("div", texts.NONE_YET.of(language), "panel")
                return
            with Node("ul", classes="rows"):
                for webhook, owner in self._found:
                    self._row(webhook, owner)

    def _row(self, webhook: Webhook, owner: str) -> None:
        language, now = self._visit.language, self._services.clock.now()
        words, sign = standing_words(webhook)
        with Node("li", classes="row-w", data_webhook=webhook.id):
            with Node("div"):
                with Node("div", classes="p-name"):
                    Node("a", webhook.name, href=f"{PATH}/{webhook.id}")
                Node("small", webhook.url, "muted")
            grade(sign, words.of(language))
            with Node("div", classes="w-when muted"):
                last = when(webhook.last_success_at, self._visit, now) or texts.NEVER.of(language)
                Node("div", f"{texts.LAST_SUCCESS.of(language)}: {last}")
                if webhook.standing.failing_since is not None:
                    since = when(webhook.standing.failing_since, self._visit, now)
                    Node("div", f"{texts.FAILING_SINCE.of(language)}: {since}")
            Node("div", owner, "w-owner muted")
