"""People in the database: who they are, and how a request or a browser proves to be from them.

`People` is the way in. Its rooms: accounts (itself), `sessions`, `tokens`, `factors`, `identities`. What is here is the door:
passwords and codes are tried, throttled, and lead to a session or nowhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy import Connection, select, update

from linli.auditwho import recognised
from linli.clock import Clock
from linli.db import schema
from linli.db.accountlist import Account
from linli.db.accounts import Accounts, Changes, checked
from linli.db.database import Database
from linli.db.identities import Identities, Identity
from linli.db.person import Person
from linli.db.proofs import hashed, make_password, nobodys_hash, verified
from linli.db.secondfactors import FactorState, Offer, SecondFactors, fresh_codes
from linli.db.sessions import Entered, Session, Sessions
from linli.db.signin_events import Happening, SignInEvent, record
from linli.db.throttle import Throttle
from linli.db.tokens import DEFAULT_DAYS, ApiToken, Tokens
from linli.errors import Conflict, NotSignedIn, TooMany
from linli.i18n import Text
from linli.model import Role
from linli.roles import ROLES
from linli.sealing import Seals
from linli.signin import SignInPolicy, Stage, next_stage

__all__ = [
    "Account",
    "ApiToken",
    "Changes",
    "Entered",
    "FactorState",
    "Identity",
    "Offer",
    "PasswordOver",
    "People",
    "Person",
    "SamePassword",
    "Session",
    "SignedIn",
    "WrongCode",
    "WrongPresent",
    "make_demo_accounts",
    "make_password",
]

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


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who was let in how far: the `token` is of a session that waits for `stage`; COMPLETE for nothing more."""

    person: Person
    token: str
    stage: Stage


class People(Accounts):
    """Accounts, sessions, tokens, second factors and identities of one database. Safe to call from several threads.

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

    def sign_in(self, name: str, password: str, address: str = "", browser: str = "") -> SignedIn:
        """A new session of who has this name and password, as far as that goes (`linli.signin`).

        `address`: the network address that asks, by which tries are counted. NotSignedIn for a wrong name, a wrong password,
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
        return self._let_in(self.by_id(row.id), row.one_time_until is not None, False, "password", address, browser)

    def sign_in_by_identity(
        self, issuer: str, subject: str, *, strongly: bool, address: str = "", browser: str = ""
    ) -> SignedIn:
        """A new session of who is linked to what a provider has vouched for; `strongly`: with a second factor of its own.

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
        return self._let_in(person, False, strongly, "oidc", address, browser)

    def sign_out(self, token: str) -> None:
        """End the session. Ending one that is not there is allowed."""
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
        return self._renewed(entered, factor_shown=True)

    # --- what people do about their own account -------------------------------------------------------------------

    def change_password(self, token: str, present: str, fresh: str, address: str = "") -> SignedIn:
        """The session, renewed, of somebody who has another password from now on; their other sessions end.

        Asked of who is signed in, or signs in with a password that another made. Refused for one that is not taken;
        NotSignedIn without a session that may; Conflict if `present` is wrong; TooMany when throttled.
        """
        entered = self._at(token, Stage.PASSWORD, Stage.COMPLETE)
        person = entered.person
        self._check_present(person, present, address)
        if fresh == present:
            raise SamePassword(Text("新密码须与现在的不同", "the new password must differ from the present one"))
        kept, now = hashed(checked(fresh, person.name, person.display_name)), self._clock.now()
        values = {"password_hash": kept, "one_time_until": None, "password_changed_at": now}
        table = schema.users
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.id == person.id).values(values))
            record(connection, SignInEvent(Happening.PASSWORD_CHANGED, now, person.id, person.id, address))
        self.sessions.end_others(person.id, entered.session.id, by=person.id)
        return self._renewed(entered, factor_shown=self.factors.state(person.id).on)

    def offer_factor(self, token: str, password: str | None = None, address: str = "") -> Offer:
        """A second factor to set up, or another one. Who is signed in already gives their password again.

        Conflict if the password is wrong; NotSignedIn without a session that may; TooMany when throttled.
        """
        entered = self._at(token, Stage.ENROLMENT, Stage.COMPLETE)
        if entered.stage is Stage.COMPLETE:
            self._check_present(entered.person, password or "", address)
        return self.factors.offer(entered.person)

    def offered_factor(self, token: str) -> Offer:
        """What was offered last, to show it again; Conflict if that is over."""
        return self.factors.offered(self._at(token, Stage.ENROLMENT, Stage.COMPLETE).person)

    def enrol_factor(self, token: str, code: str, address: str = "") -> tuple[SignedIn, list[str]]:
        """The session, renewed, of who has typed the first code of what was offered; and their new recovery codes, which are
        shown now. Their other sessions end.

        WrongCode if it is not; Conflict if nothing is offered; NotSignedIn and TooMany as ever.
        """
        entered = self._at(token, Stage.ENROLMENT, Stage.COMPLETE)
        person = entered.person
        self._admit(self._codes, person.id, address)
        codes, hashes = fresh_codes()
        with self._database.write() as connection:
            taken = self.factors.enrol(connection, person, code, hashes)
        if not taken:
            self._refuse(Happening.SECOND_FACTOR_REFUSED, self._codes, person.id, person.id, address, _wrong_code())
        self._codes.forgive(person.id, address)
        self.sessions.end_others(person.id, entered.session.id, by=person.id)
        return self._renewed(entered, factor_shown=True), codes

    def drop_factor(self, token: str, password: str, address: str = "") -> None:
        """Do without a second factor from now on. Conflict for a role that must have one, or a wrong password."""
        person = self._at(token, Stage.COMPLETE).person
        if self.policy.demands_factor(person.role):
            raise Conflict(Text("您的角色必须使用双重验证", "your role must have a second factor"))
        self._check_present(person, password, address)
        with self._database.write() as connection:
            self.factors.remove(connection, person.id)
            record(
                connection, SignInEvent(Happening.SECOND_FACTOR_OFF, self._clock.now(), person.id, person.id, address)
            )

    def new_recovery_codes(self, token: str, password: str, address: str = "") -> list[str]:
        """Other recovery codes, shown now; those from before are worth nothing. Conflict without a second factor, or for a
        wrong password."""
        person = self._at(token, Stage.COMPLETE).person
        self._check_present(person, password, address)
        if not self.factors.state(person.id).on:
            raise Conflict(Text("还没有设置双重验证", "there is no second factor"))
        codes, hashes = fresh_codes()
        with self._database.write() as connection:
            self.factors.replace_codes(connection, person.id, hashes)
        return codes

    def reset_password(
        self, name: str, password: str | None = None, *, one_time: bool = False, by: str = "linli"
    ) -> str:
        """As `Accounts.reset_password`; all tries at the old one are forgotten."""
        secret = super().reset_password(name, password, one_time=one_time, by=by)
        self._passwords.forget(name)
        return secret

    def reset_factor(self, name: str, *, by: str = "linli") -> None:
        """For who has lost it: take it away and end their sessions."""
        person = self.get(name)
        self.factors.reset(person.id, by=by)
        self._codes.forget(person.id)

    # --- within ---------------------------------------------------------------------------------------------------

    def _let_in(
        self, person: Person, one_time: bool, factor_shown: bool, way: str, address: str, browser: str
    ) -> SignedIn:
        with self._database.write() as connection:
            stage = next_stage(
                has_factor=self.factors.state_in(connection, person.id).on,
                factor_shown=factor_shown,
                one_time_password=one_time,
                factor_demanded=self.policy.demands_factor(person.role),
            )
            token = self.sessions.begin(connection, person.id, stage, way, address, browser)
            if stage is Stage.COMPLETE:
                self._record_entry(connection, person, way, address)
        return SignedIn(person, token, stage)

    def _renewed(self, entered: Entered, *, factor_shown: bool) -> SignedIn:
        """The session with another token, waiting for what is still wanted."""
        person, session, table = entered.person, entered.session, schema.users
        with self._database.write() as connection:
            until = connection.execute(select(table.c.one_time_until).where(table.c.id == person.id)).scalar()
            stage = next_stage(
                has_factor=self.factors.state_in(connection, person.id).on,
                factor_shown=factor_shown or entered.stage is Stage.COMPLETE,
                one_time_password=until is not None and session.way == "password",
                factor_demanded=self.policy.demands_factor(person.role),
            )
            token = self.sessions.renew(connection, session.id, person.role, stage)
            if stage is Stage.COMPLETE and entered.stage is not Stage.COMPLETE:
                self._record_entry(connection, person, session.way, session.address)
        return SignedIn(person, token, stage)

    def _record_entry(self, connection: Connection, person: Person, way: str, address: str) -> None:
        record(
            connection,
            SignInEvent(Happening.SIGNED_IN, self._clock.now(), person.id, person.id, address, {"way": way}),
        )

    def _at(self, token: str, *stages: Stage) -> Entered:
        entered = self.sessions.enter(token)
        if entered is None or entered.stage not in stages:
            raise NotSignedIn(Text("请先登录", "sign in first"))
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
            self._refuse(Happening.SECOND_FACTOR_REFUSED, self._codes, person.id, person.id, address, _wrong_code())
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


def make_demo_accounts(
    people: People, communities: Iterable[str], *, complete: bool = False, one_time: bool = False
) -> list[tuple[Role, str, str]]:
    """The accounts of a first run, as (role, name, password): 'admin', 'guard' and 'manager', with passwords made now.

    The last two belong to `communities`. Nothing if anybody has an account already: passwords are shown once. `complete`:
    then those whose role nobody has, and whose name is free. `one_time`: they must be changed when first used.
    """
    there = people.all()
    if there and not complete:
        return []
    roles, names = {person.role for person in there}, {person.name for person in there}
    belong = list(communities)
    wanted = (
        (Role.ADMINISTRATOR, "admin", "管理员 Administrator"),
        (Role.SECURITY, "guard", "值班保安 Guard"),
        (Role.PROPERTY, "manager", "物业经理 Manager"),
    )
    return [
        (role, name, people.add(name, role, belong, display_name=display_name, one_time=one_time)[1])
        for role, name, display_name in wanted
        if role not in roles and name not in names
    ]


def _over() -> PasswordOver:
    return PasswordOver(
        Text(
            "一次性密码已过期，请联系管理员重新获取",
            "this one-time password has run out: ask an administrator for another",
        )
    )


def _wrong_code() -> WrongCode:
    return WrongCode(Text("验证码不对，或已经用过", "the code is wrong, or was used before"))
