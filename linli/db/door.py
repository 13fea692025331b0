"""The door: passwords, codes and a provider's word are tried, throttled, and lead to a session or nowhere."""

from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import Connection, Row, select

from linli.auditwho import recognised
from linli.clock import Clock
from linli.db import schema
from linli.db.accounts import Accounts
from linli.db.database import Database
from linli.db.following import Following
from linli.db.identities import Identities
from linli.db.person import Person, with_reach
from linli.db.proofs import nobodys_hash, verified
from linli.db.secondfactors import SecondFactors
from linli.db.sessions import Entered, Sessions
from linli.db.signin_events import Happening, SignInEvent, record
from linli.db.throttle import Throttle
from linli.db.tokens import DEFAULT_DAYS, Tokens
from linli.errors import Conflict, NotSignedIn, TooMany
from linli.i18n import Text
from linli.model import Role
from linli.roles import ROLES
from linli.sealing import Seals
from linli.signin import SignInPolicy, Stage, next_stage

CODE_REFILL_S = 300.0
"""Codes have five tries, and one more each five minutes: of a million codes three count, so a year of trying finds one with a
chance of a quarter, and the log tells of every try."""

_WRONG = Text("用户名或密码不对", "the name or the password is wrong")


class WrongCode(NotSignedIn):
    """The session stands, and the code is wrong: another may be tried."""


class PasswordOver(NotSignedIn):
    """The password is right, was made for one time, and that time is over."""


class WrongPresent(Conflict):
    """The password that somebody gave once more is not theirs."""


class SamePassword(Conflict):
    """The new password is the present one."""


class FactorWanted(Conflict):
    """The present second factor has to be shown once more."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who was let in how far: the `token` is of a session that waits for `stage`; COMPLETE for nothing more."""

    person: Person
    token: str
    stage: Stage


class Door(Accounts):
    """Who gets in, and who is in, by one database. Safe to call from several threads.

    `seals` opens second factors; without it nobody can use one (commands that only look at accounts need none).
    """

    def __init__(
        self, database: Database, clock: Clock, policy: SignInPolicy | None = None, seals: Seals | None = None
    ) -> None:
        super().__init__(database, clock)
        self.policy = policy or SignInPolicy()
        self.sessions = Sessions(database, clock, self.policy)
        self.tokens = Tokens(database, clock)
        self.factors = SecondFactors(database, clock, seals)
        self.identities = Identities(database, clock)
        self.following = Following(database, clock)
        self._passwords = Throttle()
        self._codes = Throttle(refill_s=CODE_REFILL_S)

    # --- who asks -------------------------------------------------------------------------------------------------

    def by_session(self, token: str, *, acting: bool = True) -> Person | None:
        """Whose session it is; None if there is none, it is not complete, it has ended, or the account is disabled.

        `acting`: as for `Sessions.enter`.
        """
        entered = self.sessions.enter(token, acting=acting)
        if entered is None or entered.stage is not Stage.COMPLETE:
            return None
        recognised(entered.person.id, entered.session.id)
        return entered.person

    def by_token(self, secret: str) -> Person | None:
        """Whose token it is, limited as it is; None if it is not one, was revoked, has expired, or the account is disabled."""
        return self.tokens.owner(secret)

    def new_token(self, user: str, name: str, days: int = DEFAULT_DAYS) -> tuple[str, str]:
        """A token of the person of this sign-in name: its id, and the secret, which is shown only now."""
        return self.tokens.make(self.get(user), name, days)

    # --- the door -------------------------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str, address: str = "", browser: str = "", instead_of: str = "") -> SignedIn:
        """A new session of who has this name and password, as far as that goes (`linli.signin`).

        `address`: the network address that asks, by which tries are counted. `instead_of`: the session that the browser has, whose it
        may be; it ends, for nobody could see or end it from there any more. NotSignedIn for a wrong name, a wrong password,
        a disabled account or one without a password: the same answer after the same work, so it does not tell which names
        exist. TooMany when throttled, before anything is looked up.
        """
        name = name[:64].casefold()
        self._admit(self._passwords, name, address)
        table, nobodys, now = schema.users, nobodys_hash(), self._clock.now()
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.name == name)).one_or_none()
        right = verified(password, nobodys if row is None else row.password_hash)
        if row is None or not right or not row.enabled or ROLES[Role(row.role)].tokens_only:
            self._refuse(Happening.SIGN_IN_REFUSED, self._passwords, name, None if row is None else row.id, address)
        if row.one_time_until is not None and now >= row.one_time_until:
            self._refuse(Happening.SIGN_IN_REFUSED, self._passwords, name, row.id, address, _over())
        self._passwords.forgive(name, address)
        signed = self._let_in(row.id, row.password_hash, False, "password", address, browser)
        self.sign_out(instead_of)
        return signed

    def sign_in_by_identity(
        self,
        issuer: str,
        subject: str,
        *,
        strongly: bool,
        address: str = "",
        browser: str = "",
        instead_of: str = "",
    ) -> SignedIn:
        """A new session of who is linked to what a provider has vouched for; `strongly`: with a second factor of its own.
        `instead_of`: as for `sign_in`.

        NotSignedIn if it is linked to nobody, or to an account that may not sign in.
        """
        found = self.identities.find(issuer, subject)
        person = None if found is None else found[0]
        if person is None or not person.enabled or ROLES[person.role].tokens_only:
            with self._database.write() as connection:
                known = None if person is None else person.id
                detail = {"issuer": issuer}
                event = SignInEvent(Happening.IDENTITY_REFUSED, self._clock.now(), None, known, address, detail)
                record(connection, event)
            raise NotSignedIn(
                Text(
                    "您的统一身份没有关联到这里的账号，请联系管理员",
                    "your identity is not linked to an account here; ask an administrator",
                )
            )
        signed = self._let_in(person.id, None, strongly, "oidc", address, browser)
        self.sign_out(instead_of)
        return signed

    def sign_out(self, token: str) -> None:
        """End the session. Ending one that is not there is allowed."""
        if token:
            self.sessions.sign_out(token)

    def waiting(self, token: str) -> Entered | None:
        """The session of this token while it waits for something; None if there is none, or it is complete."""
        entered = self.sessions.enter(token)
        return entered if entered is not None and entered.stage is not Stage.COMPLETE else None

    def give_code(self, token: str, code: str, address: str = "") -> SignedIn:
        """The session of who has signed in and has a second factor, renewed, if `code` is of their phone or a recovery code.

        WrongCode if it is not; NotSignedIn if the session does not wait for one; TooMany when throttled.
        """
        entered = self._at(token, Stage.CODE)
        self._try_code(entered.person, code, address)
        return self._renewed(entered, factor_shown=True, shown_at=self._clock.now())

    # --- within ---------------------------------------------------------------------------------------------------

    def _let_in(
        self, user: str, password_hash: str | None, factor_shown: bool, way: str, address: str, browser: str
    ) -> SignedIn:
        """A session of who has shown that. The account is looked at again within the transaction, and held meanwhile: who was
        disabled, or had their password changed while this one was tried, gets none that outlives it."""
        with self._database.write() as connection:
            person, row = self._held(connection, user)
            if not row.enabled or password_hash not in (None, row.password_hash):
                raise NotSignedIn(_WRONG)
            stage = next_stage(
                has_factor=self.factors.state_in(connection, user).on,
                factor_shown=factor_shown,
                one_time_password=way == "password" and row.one_time_until is not None,
                factor_demanded=self.policy.demands_factor(person.role),
            )
            token = self.sessions.begin(connection, user, stage, way, address, browser)
            if stage is Stage.COMPLETE:
                self._record_entry(connection, person, way, address)
        return SignedIn(person, token, stage)

    def _renewed(self, entered: Entered, *, factor_shown: bool, shown_at: int | None = None) -> SignedIn:
        """The session with another token, waiting for what is still wanted. `shown_at`: the second factor was shown just then."""
        session = entered.session
        with self._database.write() as connection:
            person, row = self._held(connection, entered.person.id)
            stage = next_stage(
                has_factor=self.factors.state_in(connection, person.id).on,
                factor_shown=factor_shown or entered.stage is Stage.COMPLETE,
                one_time_password=row.one_time_until is not None and session.way == "password",
                factor_demanded=self.policy.demands_factor(person.role),
            )
            token = self.sessions.renew(connection, session.id, person.role, stage, shown_at)
            if stage is Stage.COMPLETE and entered.stage is not Stage.COMPLETE:
                self._record_entry(connection, person, session.way, session.address)
        return SignedIn(person, token, stage)

    def _held(self, connection: Connection, user: str) -> tuple[Person, Row[Any]]:
        """The account as it is, and stays until the end of the transaction."""
        row = connection.execute(select(schema.users).where(schema.users.c.id == user).with_for_update()).one()
        return with_reach(connection, [row])[0], row

    def _record_entry(self, connection: Connection, person: Person, way: str, address: str) -> None:
        record(
            connection,
            SignInEvent(Happening.SIGNED_IN, self._clock.now(), person.id, person.id, address, {"way": way}),
        )

    def _at(self, token: str, *stages: Stage) -> Entered:
        entered = self.sessions.enter(token)
        if entered is None or entered.stage not in stages:
            raise not_here()
        return entered

    def _admit(self, throttle: Throttle, key: str, address: str) -> None:
        """Take a try, or TooMany."""
        wait = throttle.take(key, address, self._clock.monotonic())
        if wait > 0:
            seconds = max(1, round(wait))
            text = Text(f"尝试次数过多，请 {seconds} 秒后再试", f"too many tries; try again in {seconds} s")
            raise TooMany(text, retry_after_s=wait)

    def _refuse(
        self,
        what: Happening,
        throttle: Throttle,
        key: str,
        user: str | None,
        address: str,
        error: Exception | None = None,
    ) -> NoReturn:
        """Keep that a try was wrong, and whether it was the last for now."""
        now = self._clock.now()
        with self._database.write() as connection:
            record(connection, SignInEvent(what, now, None, user, address))
            if throttle.wait(key, address, self._clock.monotonic()) > 0:
                record(connection, SignInEvent(Happening.SIGN_IN_LOCKED_OUT, now, None, user, address))
        raise error or NotSignedIn(_WRONG)

    def _try_code(self, person: Person, code: str, address: str) -> None:
        self._admit(self._codes, person.id, address)
        if not self.factors.taken(person.id, code):
            self._refuse(Happening.SECOND_FACTOR_REFUSED, self._codes, person.id, person.id, address, wrong_code())
        self._codes.forgive(person.id, address)

    def _check_present(self, person: Person, password: str, address: str) -> None:
        """That it is the person's own password; counted like a try to sign in."""
        self._admit(self._passwords, person.name, address)
        table = schema.users
        with self._database.read() as connection:
            kept = connection.execute(select(table.c.password_hash).where(table.c.id == person.id)).scalar_one()
        if not verified(password, kept):
            wrong = WrongPresent(Text("现在的密码不对", "the present password is wrong"))
            self._refuse(Happening.PASSWORD_REFUSED, self._passwords, person.name, person.id, address, wrong)
        self._passwords.forgive(person.name, address)


def not_here() -> NotSignedIn:
    """What to raise where there is no session that may."""
    return NotSignedIn(Text("请先登录", "sign in first"))


def _over() -> PasswordOver:
    return PasswordOver(
        Text(
            "一次性密码已过期，请联系管理员重新获取",
            "this one-time password has run out: ask an administrator for another",
        )
    )


def wrong_code() -> WrongCode:
    """What to raise for a code that is not taken."""
    return WrongCode(Text("验证码不对，或已经用过", "the code is wrong, or was used before"))
