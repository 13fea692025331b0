"""The sign-in page: name and password, and then whatever the session still waits for."""

import asyncio
from urllib.parse import quote

import segno
from fastapi import Request
from fastapi.responses import RedirectResponse
from nicegui import Client, ui

from api.console import account_texts, texts
from api.console.layout import Node, html_lang, language_switch
from api.console.visit import address, home, language_of, local_path
from api.http.session_cookie import session_token
from api.services import Services
from linli.db.people import Offer
from linli.errors import Conflict
from linli.i18n import Text
from linli.signin import Stage

FAULTS: dict[str, Text] = {
    "wrong": texts.WRONG_PASSWORD,
    "busy": texts.TOO_MANY_TRIES,
    "ended": texts.SIGNED_OUT,
    "over": account_texts.PASSWORD_OVER,
    "code": account_texts.WRONG_CODE,
    "differ": account_texts.PASSWORDS_DIFFER,
    "guessed": account_texts.PASSWORD_GUESSED,
    "same": account_texts.PASSWORD_SAME,
    "present": account_texts.PRESENT_WRONG,
    "gone": account_texts.GONE,
    "late": account_texts.OFFER_OVER,
    "provider": account_texts.PROVIDER_DOWN,
    "denied": account_texts.PROVIDER_REFUSED,
    "unlinked": account_texts.NOT_LINKED,
}


def add(services: Services) -> None:
    """Add the page."""
    people = services.people

    def offered(token: str) -> Offer:
        try:
            return people.offered_factor(token)
        except Conflict:
            return people.offer_factor(token)

    @ui.page("/login")
    async def login(request: Request, client: Client, fault: str = "", out: str = "") -> RedirectResponse | None:
        token = session_token(request)
        entered = await asyncio.to_thread(people.sessions.enter, token) if token else None
        stage = None if entered is None else entered.stage
        if entered is not None and stage is Stage.COMPLETE:
            return RedirectResponse(home(entered.person), 303)
        language = language_of(services, request, None if entered is None else entered.person)
        wanted = local_path(request.query_params.get("next", ""))
        offer = await asyncio.to_thread(offered, token) if stage is Stage.ENROLMENT else None
        client.title = f"{texts.BRAND.of(language)} · {texts.SIGN_IN.of(language)}"
        ui.run_javascript(f"document.documentElement.lang = '{html_lang(language)}'")
        with Node("div", classes="gate"), Node("div", classes="gate-col"):
            page = _Gate(language, FAULTS.get(fault), wanted)
            if stage is Stage.CODE:
                page.ask_code()
            elif stage is Stage.PASSWORD:
                page.ask_password()
            elif offer is not None:
                page.ask_enrolment(offer)
            else:
                page.ask_who(_provider(services, language), signed_out=out == "provider")
            with Node("div", classes="lang"):
                language_switch(language, address(request))
        return None


class _Gate:
    """One form, in one language."""

    def __init__(self, language: str, fault: Text | None, wanted: str) -> None:
        self._language = language
        self._fault = fault
        self._wanted = wanted

    def ask_who(self, provider: str | None, *, signed_out: bool) -> None:
        """Name and password; or the provider of this name, where somebody may still be signed in."""
        language = self._language
        with Node("form", method="post", action="/login"):
            self._head(texts.BRAND, texts.TAGLINE)
            if provider is not None and signed_out:
                with Node("div", classes="said-line", role="status"):
                    Node("span", account_texts.SIGNED_OUT_HERE.format(name=provider).of(language))
                    out = account_texts.SIGN_OUT_THERE.format(name=provider)
                    Node("a", out.of(language), href="/oidc/logout", data_test="provider-out")
            field(texts.NAME.of(language), "name", "text", "username")
            field(texts.PASSWORD.of(language), "password", "password", "current-password")
            self._foot(texts.SIGN_IN, "sign-in")
            if provider is not None:
                Node("div", account_texts.OR.of(language), "muted center")
                way = "/oidc/start" + (f"?next={quote(self._wanted)}" if self._wanted else "")
                words = account_texts.SIGN_IN_BY.format(name=provider)
                Node("a", words.of(language), "btn", href=way, data_test="provider")

    def ask_code(self) -> None:
        """The second factor."""
        language = self._language
        with Node("form", method="post", action="/login/code"):
            self._head(account_texts.CODE_TITLE, account_texts.CODE_HELP)
            field(account_texts.CODE.of(language), "code", "text", "one-time-code")
            self._foot(account_texts.CONTINUE, "give-code")
            Node("p", account_texts.LOST_PHONE.of(language), "muted")
        self._other_account()

    def ask_password(self) -> None:
        """A password of one's own, instead of one that was made."""
        language = self._language
        with Node("form", method="post", action="/login/password"):
            self._head(account_texts.NEW_PASSWORD_TITLE, account_texts.NEW_PASSWORD_HELP)
            new_password_fields(language)
            self._foot(account_texts.CONTINUE, "choose-password")
        self._other_account()

    def ask_enrolment(self, offer: Offer) -> None:
        """A second factor, where one is demanded."""
        with Node("form", method="post", action="/login/enrol"):
            self._head(account_texts.ENROL_TITLE, account_texts.ENROL_HELP)
            offer_fields(offer, self._language)
            self._foot(account_texts.CONTINUE, "enrol")
        self._other_account()

    def _head(self, title: Text, words: Text) -> None:
        with Node("div"):
            with Node("div", classes="brand"):
                Node("span", classes="brand-mark", aria_hidden="true")
                Node("h1", title.of(self._language), "brand")
            Node("p", words.of(self._language), "muted")
        if self._fault is not None:
            Node("div", self._fault.of(self._language), "fault-line", role="alert")

    def _foot(self, button: Text, name: str) -> None:
        Node("input", type="hidden", name="wanted", value=self._wanted)
        Node("button", button.of(self._language), "btn btn-main", type="submit", data_test=name)

    def _other_account(self) -> None:
        with Node("form", classes="inline", method="post", action="/logout"):
            words = account_texts.OTHER_ACCOUNT.of(self._language)
            Node("button", words, "btn btn-quiet", type="submit", data_test="other-account")


def field(label: str, name: str, kind: str, autocomplete: str) -> None:
    """A field of a form that is posted."""
    with Node("label", classes="field"):
        Node("span", label)
        Node(
            "input",
            name=name,
            type=kind,
            autocomplete=autocomplete,
            autocapitalize="none",
            spellcheck="false",
            required=True,
        )


def new_password_fields(language: str) -> None:
    """The present password, and the new one twice."""
    field(account_texts.PRESENT_PASSWORD.of(language), "present", "password", "current-password")
    field(account_texts.NEW_PASSWORD.of(language), "new", "password", "new-password")
    Node("p", account_texts.NEW_PASSWORD_RULES.of(language), "muted")
    field(account_texts.NEW_PASSWORD_AGAIN.of(language), "again", "password", "new-password")


def offer_fields(offer: Offer, language: str) -> None:
    """The QR code, drawn here: no other service learns the secret; the key for who types it; and the first code."""
    drawn = segno.make(offer.uri, error="m", micro=False).svg_data_uri(scale=5, border=3, light="#fff", dark="#000")
    Node("img", classes="qr", src=drawn, alt=account_texts.QR_CODE.of(language))
    with Node("div"):
        Node("p", account_texts.TYPE_INSTEAD.of(language), "muted")
        Node("code", " ".join(offer.secret[at : at + 4] for at in range(0, len(offer.secret), 4)), data_test="secret")
    field(account_texts.PHONE_CODE.of(language), "code", "text", "one-time-code")


def _provider(services: Services, language: str) -> str | None:
    settings = services.settings
    if settings.oidc_issuer is None:
        return None
    return settings.oidc_name or account_texts.PROVIDER.of(language)
