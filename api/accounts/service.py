"""What an administrator does about accounts and tokens: one layer under REST and the console. Every method takes who asks.

Whatever decides who gets in - an account, its role, its proofs, its sessions, a token - is for a person who is signed in. A token
that may manage accounts sees them and no more: one that leaked must not be able to make itself an account that outlives it.

All are synchronous and safe to call from several threads. Accounts are the district's: who may manage them sees all.
"""

from collections.abc import Collection

from sqlalchemy import select

from api.http.paging import Page, page_of
from api.scope import demand
from linli.db import schema
from linli.db.database import Database
from linli.db.people import Account, ApiToken, Changes, People, Person, Session
from linli.errors import Conflict, NotAllowed, NotFound
from linli.i18n import Text
from linli.model import Role
from linli.roles import ROLES, Operation


class AccountService:
    """Accounts, their sessions and tokens. `issuer`: of the OpenID provider, None where there is none."""

    def __init__(self, people: People, database: Database, issuer: str | None) -> None:
        self._people = people
        self._database = database
        self.issuer = issuer

    def find(
        self, person: Person, *, role: Role | None = None, sought: str = "", after: str | None = None, limit: int = 100
    ) -> Page[Account]:
        """Accounts by name, a page of them. Arguments as for `People.described`."""
        self._demand(person)
        rows = self._people.described(role=role, sought=sought, after=after, limit=limit + 1)
        return page_of(rows, limit, lambda account: (account.person.name,))

    def get(self, person: Person, account: str) -> Account:
        """The account of that id, or NotFound."""
        self._demand(person)
        found = self._people.described([account])
        if not found:
            raise NotFound(Text(f"没有账号 {account:.64}", f"there is no account {account:.64}"))
        return found[0]

    def add(
        self,
        person: Person,
        name: str,
        role: Role,
        *,
        display_name: str = "",
        communities: Collection[str] = (),
        committees: Collection[str] = (),
        registered_as: str | None = None,
    ) -> tuple[Account, str | None]:
        """A new account, and its password, to be changed when it is first used; None for a role that uses tokens alone.
        `registered_as`: who a resident is in the registry."""
        self._decides(person)
        made, password = self._people.add(
            name,
            role,
            communities,
            committees=committees,
            display_name=display_name,
            one_time=not ROLES[role].tokens_only,
            person=registered_as,
            by=person.id,
        )
        return self.get(person, made.id), password or None

    def change(self, person: Person, account: str, changes: Changes, expected: str | None = None) -> Account:
        """The account as changed, all at once or not at all. Errors as for `People.change`."""
        name = self._decided(person, account).name
        self._people.change(name, changes, by=person.id, expected=expected)
        return self.get(person, account)

    def reset_password(self, person: Person, account: str) -> str:
        """A password for who has forgotten theirs, to be changed when it is first used. Their sessions end. Conflict for one's own."""
        name = self._anothers(person, account).name
        return self._people.reset_password(name, one_time=True, by=person.id)

    def reset_factor(self, person: Person, account: str) -> None:
        """Take the second factor away from who has lost it. Their sessions end. Conflict for one's own."""
        self._people.reset_factor(self._anothers(person, account).name, by=person.id)

    def link(self, person: Person, account: str, subject: str) -> None:
        """Let whoever the OpenID provider says is `subject` sign in as this account. NotFound without a provider, Conflict for
        one's own."""
        found = self._anothers(person, account)
        if self.issuer is None:
            raise NotFound(Text("没有设置统一身份（oidc_issuer）", "no OpenID provider is set (oidc_issuer)"))
        self._people.identities.link(found.id, self.issuer, subject.strip(), by=person.id)

    def unlink(self, person: Person, account: str) -> None:
        """Let nobody sign in as this account by way of a provider."""
        self._people.identities.unlink(self._decided(person, account).id, by=person.id)

    def sessions(self, person: Person, account: str) -> list[Session]:
        """Where somebody is signed in, the one used last first."""
        return self._people.sessions.of(self._decided(person, account).id)

    def end_session(self, person: Person, account: str, session: str) -> None:
        """End one of somebody's sessions; NotFound if it is not theirs."""
        self._people.sessions.end(self._decided(person, account).id, [session], by=person.id)

    def end_sessions(self, person: Person, account: str) -> int:
        """End all of somebody's sessions; how many."""
        return self._people.sessions.end_others(self._decided(person, account).id, None, by=person.id)

    def tokens(self, person: Person) -> list[ApiToken]:
        """Every token for who manages accounts, their own for everybody else; the oldest first. Who comes with a token is shown
        that one alone."""
        if person.token is not None:
            return [self._people.tokens.get(person.token)]
        everybodys = Operation.MANAGE_ACCOUNTS in person.operations
        return self._people.tokens.all(None if everybodys else person.id)

    def make_token(
        self,
        person: Person,
        account: str,
        name: str,
        days: int,
        operations: Collection[Operation] | None = None,
        communities: Collection[str] | None = None,
    ) -> tuple[ApiToken, str]:
        """A token for the account of that sign-in name, and its secret."""
        self._decides(person)
        owner = self._people.get(account)
        number, secret = self._people.tokens.make(
            owner, name, days, operations=operations, communities=communities, by=person.id
        )
        return self._people.tokens.get(number), secret

    def revoke_token(self, person: Person, token: str) -> None:
        """Refuse the token from now on: one of those that `tokens` shows the person."""
        if token not in {one.id for one in self.tokens(person)}:
            raise NotFound(Text(f"没有令牌 {token:.64}", f"there is no token {token:.64}"))
        self._people.tokens.revoke(token, by=person.id)

    def places(self, person: Person) -> tuple[dict[str, Text], dict[str, Text]]:
        """The names of all communities and committees that an account can belong to, by id."""
        self._demand(person)
        found: list[dict[str, Text]] = []
        with self._database.read() as connection:
            for table in (schema.communities, schema.committees):
                rows = connection.execute(
                    select(table.c.id, table.c.name_zh, table.c.name_en)
                    .where(table.c.removed_at.is_(None))
                    .order_by(table.c.id)
                )
                found.append({row.id: Text(row.name_zh, row.name_en) for row in rows})
        return found[0], found[1]

    def _demand(self, person: Person) -> None:
        demand(person, Operation.MANAGE_ACCOUNTS)

    def _decides(self, person: Person) -> None:
        """That the person may manage accounts, and is here themselves."""
        self._demand(person)
        if person.token is not None:
            raise NotAllowed(
                Text(
                    "此操作决定谁可以进入系统，须登录后进行，不能使用令牌",
                    "this decides who gets in: sign in for it, a token may not",
                )
            )

    def _decided(self, person: Person, account: str) -> Person:
        """Whose account of that id it is about, or NotFound."""
        self._decides(person)
        return self.get(person, account).person

    def _anothers(self, person: Person, account: str) -> Person:
        """The same, of somebody else. One's own proofs one changes by showing them: who only finds an administrator's open page must
        not be able to let themselves in for good."""
        found = self._decided(person, account)
        if found.id == person.id:
            raise Conflict(
                Text(
                    "这是您自己的账号：请在“我的账号”中修改，或请另一位管理员处理",
                    "this is your own: change it under My account, or ask another administrator",
                )
            )
        return found
