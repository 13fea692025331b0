"""The JSON of signing in, of one's own account and of everybody's: what the OpenAPI document shows of them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.accounts.browsers import browser_words
from api.bodies import Id, Moment, TextBody
from linli.db.people import Account, ApiToken, FactorState, Session
from linli.model import Role
from linli.passwords import MAX_LENGTH, MIN_LENGTH
from linli.roles import Operation
from linli.signin import Stage

_Ids = Annotated[list[Id], Field(max_length=500)]
_Password = Annotated[str, Field(max_length=1000)]
_NewPassword = Annotated[
    str, Field(max_length=1000, description=f"{MIN_LENGTH} to {MAX_LENGTH} characters, and not easily guessed")
]
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- in ---------------------------------------------------------------------------------------------------------------


class CodeBody(_In):
    """A code of the phone (six digits), or one of the recovery codes."""

    code: str = Field(min_length=6, max_length=64)


class PasswordBody(_In):
    """The present password, and the one that is to be."""

    present: _Password
    new: _NewPassword


class OwnProofsBody(_In):
    """One's password once more, since this decides who gets in; and the present second factor, where there is one."""

    password: _Password = Field("", description="Not needed while signing in")
    code: str = Field(
        "",
        max_length=64,
        description="Of the phone, or a recovery code. Not needed within ten minutes of giving one in this session",
    )


class NewAccountBody(_In):
    """An account to add. Where it belongs matters to roles that see communities; the others see all, or themselves. `person`: who a
    resident is in the registry."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="To sign in with; it never changes")
    role: Role
    display_name: str = Field("", max_length=200)
    communities: _Ids = []
    committees: _Ids = []
    person: Id | None = Field(None, examples=[None])


class AccountChangeBody(_In):
    """What is to become of an account; what is left out stays. `person` null: it is nobody of the registry any more."""

    display_name: _Name | None = None
    role: Role | None = None
    communities: _Ids | None = None
    committees: _Ids | None = None
    enabled: bool | None = None
    person: Id | None = Field(None, examples=[None])

    @property
    def is_now(self) -> str | None:
        """Who it is to be: '' for nobody, None where nothing is said of it."""
        return self.person or "" if "person" in self.model_fields_set else None


class IdentityBody(_In):
    """Who the OpenID provider says it is: the claim `sub`."""

    subject: str = Field(min_length=1, max_length=255)


class NewTokenBody(_In):
    """A token to make."""

    account: str = Field(max_length=64, description="Whose rights it has: a sign-in name")
    name: _Name = Field(description="What it is for")
    days: int = Field(90, ge=1, le=366, description="How long it is valid")
    operations: list[Operation] | None = Field(
        None,
        max_length=50,
        description="What it may do; null: all that its owner may but manage accounts and invite gateways",
    )
    communities: _Ids | None = Field(None, description="Where; null: wherever its owner may")


# --- out --------------------------------------------------------------------------------------------------------------


class WaitingBody(_Out):
    """The session waits for something before it is good for anything else: `code` (POST /sessions/current/code), `password`
    (PUT /me/password) or `enrolment` (POST /me/second-factor)."""

    wants: Stage


class SessionBody(_Out):
    """Somebody who is signed in somewhere. `id` is no secret."""

    id: str
    since: Moment
    last_seen_at: Moment
    ends_at: Moment
    address: str
    browser: TextBody
    way: str = Field(description="`password`, or `oidc`: by the OpenID provider")
    current: bool = Field(description="Whether it is the one that asks")


class FactorBody(_Out):
    """One's second factor: since when (null: none), how many recovery codes are left, and whether one must have it."""

    since: Moment | None
    recovery_codes: int
    required: bool


class OfferBody(_Out):
    """A second factor to set up: the secret, and the address that a QR code shows. Shown now and never again."""

    secret: str
    uri: str


class RecoveryBody(_Out):
    """Recovery codes, each for one time without the phone. Shown now and never again."""

    recovery_codes: list[str]


class AccountBody(_Out):
    """An account. `communities` and `committees`: those it belongs to directly; `reaches`: all it sees, null for every one. `person`:
    who a resident is in the registry."""

    id: str
    name: str
    display_name: str
    role: Role
    enabled: bool
    communities: list[str]
    committees: list[str]
    reaches: list[str] | None
    person: str | None
    created_at: Moment
    last_seen_at: Moment | None
    second_factor: bool
    recovery_codes: int
    one_time_until: Moment | None = Field(
        description="Its password was made by an administrator, is changed when first used, and works until then"
    )
    subject: str | None = Field(description="Who the OpenID provider says it is")


class AddedBody(_Out):
    """An account that was added, and its password: shown now and never again. null for a role that uses tokens alone."""

    account: AccountBody
    password: str | None


class OneTimePasswordBody(_Out):
    """A password that works once, to be changed then. Shown now and never again."""

    password: str


class TokenBody(_Out):
    """An API token. `expires_at` null: made before tokens had to end. `operations`, `communities` null: not limited."""

    id: str
    account: str
    name: str
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None
    last_used_at: Moment | None
    operations: list[Operation] | None
    communities: list[str] | None


class MadeTokenBody(_Out):
    """A token that was made. `secret` is shown now and never again; it goes into the header `Authorization: Bearer ...`."""

    token: TokenBody
    secret: str


def session_body(session: Session, current: str | None) -> SessionBody:
    """A session as JSON has it; `current`: the id of the one that asks."""
    words = browser_words(session.browser)
    return SessionBody.model_validate(
        {
            "id": session.id,
            "since": session.since,
            "last_seen_at": session.last_seen_at,
            "ends_at": session.ends_at,
            "address": session.address,
            "browser": {"zh": words.zh, "en": words.en},
            "way": session.way,
            "current": session.id == current,
        }
    )


def factor_body(state: FactorState, required: bool) -> FactorBody:
    """A second factor as JSON has it."""
    return FactorBody.model_validate(
        {"since": state.since, "recovery_codes": state.recovery_codes, "required": required}
    )


def account_body(account: Account) -> AccountBody:
    """An account as JSON has it."""
    person = account.person
    return AccountBody.model_validate(
        {
            "id": person.id,
            "name": person.name,
            "display_name": person.display_name,
            "role": person.role,
            "enabled": person.enabled,
            "communities": sorted(account.communities),
            "committees": sorted(account.committees),
            "reaches": None if person.communities is None else sorted(person.communities),
            "person": person.registered_as,
            "created_at": account.created_at,
            "last_seen_at": account.last_seen_at,
            "second_factor": account.second_factor,
            "recovery_codes": account.recovery_codes,
            "one_time_until": account.one_time_until,
            "subject": account.subject,
        }
    )


def token_body(token: ApiToken) -> TokenBody:
    """A token as JSON has it."""
    return TokenBody.model_validate(
        {
            "id": token.id,
            "account": token.user_name,
            "name": token.name,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
            "last_used_at": token.last_used_at,
            "operations": None if token.operations is None else sorted(token.operations),
            "communities": None if token.communities is None else sorted(token.communities),
        }
    )
