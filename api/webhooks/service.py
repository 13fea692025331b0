"""Webhooks as people ask for them: their own; who manages accounts sees everybody's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from api.alerts.live import AlertHub
from api.http.paging import Page, cut, page_of
from api.named import no_such
from api.scope import demand, may
from api.sight import Sights
from api.webhooks.posting import Poster
from api.webhooks.sending import WebhookSender
from api.words import CHANGES
from linli.clock import DAY, Clock, SystemClock
from linli.datafolder import DataFolder
from linli.db.people import People, Person
from linli.db.scoping import GuardedDatabase
from linli.db.webhookrows import Delivery, Webhook
from linli.db.webhooks import SqlWebhooks
from linli.egress import Allowed, read_target, why_not
from linli.errors import Outdated, Refused
from linli.i18n import Text
from linli.roles import Operation
from linli.sealing import Seals
from linli.settings import Settings
from linli.webhooks import Filter, Outcome

MOST_REPLAYED = 31 * DAY
MAX_NAME = 200
_WEBHOOK = Text(" webhook", "webhook")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants of a webhook."""

    name: str
    url: str
    filter: Filter
    enabled: bool = True


class WebhookService:
    """Safe to call from several threads. Every method takes who asks; another's webhook is answered like none."""

    def __init__(
        self,
        hooks: SqlWebhooks,
        sights: Sights,
        people: People,
        sender: WebhookSender,
        allowed: Allowed,
        clock: Clock,
    ) -> None:
        self._hooks = hooks
        self._sights = sights
        self._people = people
        self._allowed = allowed
        self._clock = clock
        self.sender = sender

    def all(self, person: Person, limit: int, after: str | None = None) -> Page[Webhook]:
        """The webhooks that the person may manage, by id."""
        demand(person, Operation.MANAGE_WEBHOOKS)
        owner = None if may(person, Operation.MANAGE_ACCOUNTS) else person.id
        return cut(self._hooks.all(owner), limit, lambda hook: (hook.id,), None if after is None else (after,))

    def get(self, person: Person, webhook: str) -> Webhook:
        """One of them, or NotFound."""
        demand(person, Operation.MANAGE_WEBHOOKS)
        found = self._hooks.get(webhook)
        if found.owner != person.id and not may(person, Operation.MANAGE_ACCOUNTS):
            raise no_such(_WEBHOOK, webhook)
        own = self._within(person)
        if own is not None and (found.within is None or not found.within <= own):
            raise no_such(_WEBHOOK, webhook)  # it sends more than the token that asks may see
        return found

    def add(self, person: Person, wish: Wish) -> tuple[Webhook, str]:
        """A new webhook of the person's, and its secret, which is shown only now.

        Refused for an address or a filter that is not taken; Conflict for too many.
        """
        demand(person, Operation.MANAGE_WEBHOOKS)
        demand(person, Operation.SEE)
        name = self._check(person, wish)
        return self._hooks.add(person.id, name, wish.url, wish.filter, self._within(person), self._clock.now())

    def change(self, person: Person, webhook: str, version: int, wish: Wish) -> Webhook:
        """Make it so. Outdated if it is no longer of this version. An owner's wider reach is not for another to lend."""
        demand(person, Operation.SEE)
        found = self.get(person, webhook)
        if found.version != version:
            raise Outdated(Text("读取之后已有改动", "it was changed since you read it"))
        name = self._check(person, wish)
        within = self._within(person) if found.owner == person.id else found.within
        if found.within is not None and within is None and found.filter.communities == wish.filter.communities:
            within = found.within  # a change of its name lifts no limit
        return self._hooks.change(
            webhook,
            version,
            self._clock.now(),
            name=name,
            url=wish.url,
            wanted=wish.filter,
            within=within,
            enabled=wish.enabled,
            by=person.id,
        )

    def remove(self, person: Person, webhook: str) -> None:
        """Away with it and its log."""
        self._hooks.remove(self.get(person, webhook).id, person.id, self._clock.now())

    def rotate(self, person: Person, webhook: str) -> tuple[Webhook, str]:
        """A new secret, shown only now; the former one signs too for a day."""
        self.get(person, webhook)
        secret = self._hooks.rotate(webhook, person.id, self._clock.now())
        return self._hooks.get(webhook), secret

    def owner_name(self, person: Person, webhook: Webhook) -> str:
        """What its owner is called."""
        return self._sights.of(person).names.person(webhook.owner) or webhook.owner

    # --- the log --------------------------------------------------------------------------------------------------

    def deliveries(
        self, person: Person, webhook: str, limit: int, before: int | None = None, outcome: Outcome | None = None
    ) -> Page[Delivery]:
        """What was sent, the last first."""
        self.get(person, webhook)
        return page_of(self._hooks.deliveries(webhook, limit + 1, before, outcome), limit, lambda line: (line.id,))

    def replay_one(self, person: Person, webhook: str, delivery: int) -> Delivery:
        """Send this one again, with the same `webhook-id`, once nothing newer is owed. Refused for a test."""
        self.get(person, webhook)
        line = self._hooks.delivery(webhook, delivery)
        if line.change is None:
            raise _refused("a_test", Text("测试不重发；请再测试一次", "a test is not sent again: ask for another test"))
        self._hooks.replay(webhook, line.change - 1, line.change, person.id, self._clock.now())
        self.sender.nudge()
        return line

    def replay_range(self, person: Person, webhook: str, start: int, end: int) -> int:
        """Send every change with start <= at < end again that is for the webhook as it is now; through how many it will go.

        Refused for a range that is empty or longer than MOST_REPLAYED.
        """
        self.get(person, webhook)
        if not 0 <= start < end or end - start > MOST_REPLAYED:
            raise _refused(
                "bad_range",
                Text(
                    "时间范围须先起后止，且不超过 31 天", "the range must end after it starts, and be at most 31 days"
                ),
            )
        found = self._hooks.changes_between(start, end)
        if found is None:
            return 0
        first, last = found
        self._hooks.replay(webhook, first - 1, last, person.id, self._clock.now())
        self.sender.nudge()
        return last - first + 1

    def sent(self) -> Mapping[tuple[Outcome, str], int]:
        """How many requests this process has sent, by what became of them and their origin: live, replay or test."""
        return self._hooks.sent()

    async def test(self, webhook: Webhook) -> Delivery:
        """What came of a test that is sent now. Ask for the webhook with `get` first."""
        return await self.sender.test(webhook)

    # --- checks ---------------------------------------------------------------------------------------------------

    def _check(self, person: Person, wish: Wish) -> str:
        """The name to keep; Refused for what is not taken, NotFound for a community that the person does not see."""
        name = wish.name.strip()
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise _refused(
                "bad_name", Text("名称须为 1 到 200 个可显示的字符", "a name is 1 to 200 printable characters")
            )
        target = read_target(wish.url)
        try:
            why = why_not(target, str(ip_address(target.host)), self._allowed)
        except ValueError:  # a name: it is judged by where it leads, whenever it is sent to
            why = None if target.tls or self._allowed.names(target.host) or self._allowed.networks else "not_https"
        if why is not None:
            raise _refused(why, WHY_NOT[why])
        known = self._sights.of(person).names.registry.communities
        _check_known(wish.filter.communities, known, Text("小区", "community"))
        _check_known(wish.filter.kinds, CHANGES, Text("变化", "kind of change"))
        return name

    def _within(self, person: Person) -> frozenset[str] | None:
        """What the token that the person came with reaches, if that is less than they do themselves."""
        whole = self._people.enabled_by_id([person.id]).get(person.id)
        same = whole is not None and whole.communities == person.communities
        return None if same else person.communities


def build_webhooks(
    settings: Settings, database: GuardedDatabase, sights: Sights, people: People, live: AlertHub
) -> WebhookService:
    """Wired, not started. By the machine's own clock: a receiver compares times with its own, whatever time is simulated."""
    clock, allowed = SystemClock(), settings.webhooks_allowed
    hooks = SqlWebhooks(database.whole(), Seals(DataFolder(settings.data).secrets))
    sender = WebhookSender(hooks, sights, people, Poster(allowed), clock)
    live.also(sender.nudge)
    return WebhookService(hooks, sights, people, sender, allowed, clock)


WHY_NOT = {
    "private_address": Text(
        "该地址不在公网上。内网的接收方须由管理员写入设置 webhook_allowed",
        "this address is not out in the Internet; an administrator allows receivers of one's own with the setting webhook_allowed",
    ),
    "not_https": Text(
        "须使用 https；只有设置 webhook_allowed 中的接收方可用 http",
        "give an https address: http is for receivers that the setting webhook_allowed names",
    ),
}


def _check_known(wanted: Iterable[str], known: Iterable[str], what: Text) -> None:
    missing = sorted(set(wanted) - set(known))
    if missing:
        text = Text(f"没有{what.zh} {missing[0]:.64}", f"there is no {what.en} {missing[0]:.64}")
        raise _refused("bad_filter", text)


def _refused(reason: str, text: Text) -> Refused:
    error = Refused(reason, text.en)
    error.text = text
    return error
