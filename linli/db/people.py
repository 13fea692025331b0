"""People in the database: who they are, and how a request or a browser proves to be from them.

`People` is the way in. Its rooms: accounts (itself), `sessions`, `tokens`, `factors`, `identities`, `following`. What lies under it is
the door (`linli.db.door`); what is here is what people do about their own account, and what others do when they cannot.
"""

from collections.abc import Iterable

from sqlalchemy import update

from linli.db import schema
from linli.db.accountlist import Account
from linli.db.accounts import Changes, checked
from linli.db.door import (
    CODE_REFILL_S,
    Door,
    FactorWanted,
    PasswordOver,
    SamePassword,
    SignedIn,
    WrongCode,
    WrongPresent,
    not_here,
    wrong_code,
)
from linli.db.identities import Identity
from linli.db.person import Person
from linli.db.proofs import hashed, make_password
from linli.db.secondfactors import FactorState, Offer, fresh_codes
from linli.db.sessions import Entered, Session
from linli.db.signin_events import Happening, SignInEvent, record
from linli.db.tokens import ApiToken
from linli.errors import Conflict
from linli.i18n import Text
from linli.model import Role
from linli.signin import FACTOR_FRESH_FOR, Stage

__all__ = [
    "CODE_REFILL_S",
    "Account",
    "ApiToken",
    "Changes",
    "Entered",
    "FactorState",
    "FactorWanted",
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


class People(Door):
    """Accounts, sessions, tokens, second factors and identities of one database. Safe to call from several threads."""

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
            self.sessions.end_others_in(connection, person.id, entered.session.id, by=person.id)
            record(connection, SignInEvent(Happening.PASSWORD_CHANGED, now, person.id, person.id, address))
        return self._renewed(entered, factor_shown=self.factors.state(person.id).on)

    def offer_factor(self, token: str, password: str | None = None, address: str = "", code: str = "") -> Offer:
        """A second factor to set up, or another one, in this session. Who is signed in already gives their password again, and who
        has a factor shows it (`_check_owner`).

        Conflict if the password is wrong; NotSignedIn without a session that may; TooMany when throttled.
        """
        entered = self._at(token, Stage.ENROLMENT, Stage.COMPLETE)
        if entered.stage is Stage.COMPLETE:
            self._check_owner(entered, password or "", code, address)
        elif self.factors.state(entered.person.id).on:
            raise not_here()
        return self.factors.offer(entered.person, entered.session.id)

    def offered_factor(self, token: str) -> Offer:
        """What was offered last in this session, to show it again; Conflict if that is over."""
        entered = self._at(token, Stage.ENROLMENT, Stage.COMPLETE)
        return self.factors.offered(entered.person, entered.session.id)

    def enrol_factor(self, token: str, code: str, address: str = "") -> tuple[SignedIn, list[str]]:
        """The session, renewed, of who has typed the first code of what was offered in it; and their new recovery codes, which are
        shown now. Their other sessions end.

        WrongCode if it is not; Conflict if nothing is offered; NotSignedIn and TooMany as ever.
        """
        entered = self._at(token, Stage.ENROLMENT, Stage.COMPLETE)
        person, session = entered.person, entered.session.id
        self._admit(self._codes, person.id, address)
        codes, hashes = fresh_codes()
        with self._database.write() as connection:
            taken = self.factors.enrol(connection, person, session, code, hashes)
        if not taken:
            self._refuse(Happening.SECOND_FACTOR_REFUSED, self._codes, person.id, person.id, address, wrong_code())
        self._codes.forgive(person.id, address)
        return self._renewed(entered, factor_shown=True, shown_at=self._clock.now()), codes

    def needs_code(self, token: str) -> bool:
        """Whether who decides about the second factor in this session is asked to show the present one."""
        entered = self._at(token, Stage.COMPLETE)
        return self.factors.state(entered.person.id).on and not self._shown_just_now(entered)

    def drop_factor(self, token: str, password: str, address: str = "", code: str = "") -> None:
        """Do without a second factor from now on. Conflict for a role that must have one, or a wrong password."""
        entered = self._at(token, Stage.COMPLETE)
        person = entered.person
        if self.policy.demands_factor(person.role):
            raise Conflict(Text("您的角色必须使用双重验证", "your role must have a second factor"))
        self._check_owner(entered, password, code, address)
        with self._database.write() as connection:
            self.factors.remove(connection, person.id)
            record(
                connection, SignInEvent(Happening.SECOND_FACTOR_OFF, self._clock.now(), person.id, person.id, address)
            )

    def new_recovery_codes(self, token: str, password: str, address: str = "", code: str = "") -> list[str]:
        """Other recovery codes, shown now; those from before are worth nothing. Conflict without a second factor, or for a
        wrong password."""
        entered = self._at(token, Stage.COMPLETE)
        person = entered.person
        self._check_owner(entered, password, code, address)
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

    def _check_owner(self, entered: Entered, password: str, code: str, address: str) -> None:
        """That who decides about the second factor is its owner, and not only at an open page, or in the know of the password: both
        are asked for once more, the factor unless it was shown in this session just now.

        WrongPresent, FactorWanted without a code, WrongCode; TooMany when throttled.
        """
        self._check_present(entered.person, password, address)
        if not self.factors.state(entered.person.id).on or self._shown_just_now(entered):
            return
        if not code:
            raise FactorWanted(
                Text(
                    "请同时输入现在的验证码或恢复码",
                    "give the code of your present second factor, or a recovery code, as well",
                )
            )
        self._try_code(entered.person, code, address)
        self.sessions.factor_shown(entered.session.id)

    def _shown_just_now(self, entered: Entered) -> bool:
        return entered.factor_at is not None and self._clock.now() - entered.factor_at < FACTOR_FRESH_FOR


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
