"""Rows of sessions and of tokens: one's own, and those that an administrator looks at."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.accounts.browsers import browser_words
from api.console import account_texts, texts
from api.console.layout import Node
from api.console.rows import ago, moment
from api.console.visit import Visit
from api.services import Services
from linli.clock import local_time
from linli.db.people import ApiToken, Session
from linli.i18n import Text
from linli.roles import OPERATIONS


@contextmanager
def session_row(session: Session, services: Services, visit: Visit, *, current: bool = False) -> Iterator[None]:
    """One session; what is drawn within stands at its end."""
    language, now = visit.language, services.clock.now()
    with Node("li", classes="row-s", data_session=session.id):
        with Node("div"):
            with Node("div", classes="p-name"):
                Node("span", browser_words(session.browser).of(language))
                if current:
                    Node("span", account_texts.THIS_ONE.of(language), "tag")
                if session.way == "oidc":
                    Node("span", account_texts.BY_PROVIDER.of(language), "tag")
            Node("small", session.address, "muted")
        _dated(account_texts.SIGNED_IN_SINCE, moment(session.since, visit.zone(""), now), language)
        _dated(account_texts.LAST_SEEN, ago(now - session.last_seen_at).of(language), language)
        with Node("div", classes="row-end"):
            yield


@contextmanager
def token_row(token: ApiToken, services: Services, visit: Visit) -> Iterator[None]:
    """One token; what is drawn within stands at its end."""
    language, now = visit.language, services.clock.now()
    with Node("li", classes="row-s" + ("" if token.works(now) else " over"), data_token=token.id):
        with Node("div"):
            with Node("div", classes="p-name"):
                Node("span", token.name)
                if token.revoked_at is not None:
                    Node("span", account_texts.REVOKED.of(language), "tag")
                elif not token.works(now):
                    Node("span", account_texts.EXPIRED.of(language), "tag")
            scope = token_scope(token, services, visit).of(language)
            Node("small", scope, "muted clamped", title=scope)
        ends = account_texts.TOKEN_NEVER_ENDS.of(language)
        if token.expires_at is not None:
            ends = local_time(token.expires_at, visit.zone("")).strftime("%Y-%m-%d")
        _dated(account_texts.TOKEN_ENDS, ends, language)
        used = account_texts.NEVER_USED if token.last_used_at is None else ago(now - token.last_used_at)
        _dated(account_texts.TOKEN_USED, used.of(language), language)
        with Node("div", classes="row-end"):
            yield


def token_scope(token: ApiToken, services: Services, visit: Visit) -> Text:
    """What it may do, and where if that is limited."""
    if token.operations is None:
        may = account_texts.TOKEN_ALL
    else:
        words = [OPERATIONS[one] for one in sorted(token.operations)]
        may = Text(
            texts.LIST_SEMICOLON.zh.join(one.zh for one in words), texts.LIST_SEMICOLON.en.join(one.en for one in words)
        )
    if token.communities is None:
        return may
    names = services.sights.of(visit.person).names
    places = [names.community(one) for one in sorted(token.communities)]
    return Text(
        f"{may.zh}（{texts.LIST_PAUSE.zh.join(one.zh for one in places)}）",
        f"{may.en} ({texts.LIST_PAUSE.en.join(one.en for one in places)})",
    )


def revoke_form(token: str, language: str) -> None:
    """The button that revokes one's own."""
    with Node("form", classes="inline", method="post", action="/account/tokens/revoke"):
        Node("input", type="hidden", name="token", value=token)
        Node("button", account_texts.REVOKE.of(language), "btn", type="submit", data_test="revoke")


def _dated(name: Text, value: str, language: str) -> None:
    with Node("div", classes="dated"):
        Node("small", name.of(language), "muted")
        Node("span", value)
