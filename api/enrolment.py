"""Getting an agent onto a site over REST: an administrator makes a one-time code, the agent exchanges it, once."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import Moment, ProblemBody
from api.routing import Signed, for_everybody, needs
from api.scope import demand
from api.services import Services
from api.sight import Sights
from linli.access import BrokerUser, BrokerUsers, gateway_access, gateway_user
from linli.clock import HOUR, Clock
from linli.datafolder import DataFolder
from linli.db.database import Database
from linli.db.enrolments import Invitation, SqlEnrolments
from linli.db.people import Person
from linli.enrolment import MAX_CODE
from linli.errors import ConfigError, NotFound
from linli.i18n import Text
from linli.model import Gateway
from linli.roles import Operation
from linli.settings import Settings

_PATH = "/enrolments/redeem"


class InviteBody(BaseModel):
    """For how many hours the code is good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: int = Field(24, ge=1, le=168)


class InvitationBody(BaseModel):
    """A one-time code. It is shown only now."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="What to type on the gateway's machine, after `linli agent enroll ADDRESS`")
    gateway: str
    community: str
    expires_at: Moment


class RedeemBody(BaseModel):
    """A code, and a secret of the agent's own: who repeats both within minutes is answered again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(min_length=1, max_length=MAX_CODE)
    attempt: str = Field(min_length=16, max_length=100)


class BrokerBody(BaseModel):
    """Where the agent reaches the broker, and as whom."""

    model_config = ConfigDict(frozen=True)

    host: str | None = Field(description="null: the host under which this API was reached")
    port: int
    tls: bool
    client_certificate: bool = Field(description="Whether the broker demands a certificate of the agent, too")
    ca: str | None = Field(description="Certificates (PEM) to trust for the broker; null: the system's")
    username: str | None = Field(description="null: the broker is not Linli's, its administrator makes the user")
    password: str | None


class CredentialsBody(BaseModel):
    """What an agent needs to know of itself and the broker. The password is the gateway's only one from now on."""

    model_config = ConfigDict(frozen=True)

    community: str
    gateway: str
    broker: BrokerBody
    qos: int
    at: int = Field(description="The server's time in microseconds since 1970 UTC")


_NOT_ALLOWED: dict[int | str, dict[str, Any]] = {
    403: {"model": ProblemBody, "description": "Only an administrator invites"},
    404: {"model": ProblemBody, "description": "No such gateway, or not for you"},
}
_NOT_TAKEN: dict[int | str, dict[str, Any]] = {
    422: {
        "model": ProblemBody,
        "description": "Not taken; `reason` is enrolment_unknown, enrolment_used or enrolment_expired",
    },
    429: {"model": ProblemBody, "description": "Too many tries from this address; see Retry-After"},
}


class Enroller:
    """Invitations and what is given for them, over the database and the table of broker users."""

    def __init__(self, sights: Sights, database: Database, settings: Settings, clock: Clock) -> None:
        self._sights = sights
        self._settings = settings
        self._clock = clock
        self._enrolments = SqlEnrolments(database, clock)

    def invite(self, person: Person, gateway: str, hours: int) -> Invitation:
        """A code for the gateway. NotFound outside the person's scope, NotAllowed unless an administrator."""
        demand(person, Operation.SEE)
        if gateway not in self._sights.of(person).names.registry.gateways:
            raise NotFound(Text(f"没有网关 {gateway:.64}", f"there is no gateway {gateway:.64}"))
        demand(person, Operation.ENROL)
        return self._enrolments.invite(gateway, person.id, hours * HOUR)

    def redeem(self, code: str, attempt: str, address: str) -> CredentialsBody:
        """What the gateway's agent needs. Refused, TooMany, or BrokerError with nothing used up."""
        return self._enrolments.redeem(code, attempt, address, self._give)

    def _give(self, gateway: Gateway, again: bool) -> CredentialsBody:
        settings = self._settings
        host, port = settings.broker_endpoint
        user = None if settings.broker_is_external else self._user(gateway, again)
        return CredentialsBody(
            community=gateway.community,
            gateway=gateway.id,
            broker=BrokerBody(
                host=settings.broker_public_host or (host if settings.broker_is_external else None),
                port=port,
                tls=settings.broker_speaks_tls,
                client_certificate=_demands_certificate(settings),
                ca=_certificates(settings),
                username=None if user is None else user.name,
                password=None if user is None else user.password,
            ),
            qos=settings.qos,
            at=self._clock.now(),
        )

    def _user(self, gateway: Gateway, again: bool) -> BrokerUser:
        users, name = BrokerUsers(DataFolder(self._settings.data).secrets), gateway_user(gateway.id)
        return users.get(name) if again else users.renew(name, gateway_access(gateway.community, gateway.id))


def _demands_certificate(settings: Settings) -> bool:
    """Of a broker that is not ours: if it demands one of Linli's services, then of agents, too."""
    if settings.broker_is_external:
        return settings.broker_certificate is not None
    return settings.broker_tls_client_ca is not None


def _certificates(settings: Settings) -> str | None:
    if settings.broker_ca is None or not settings.broker_speaks_tls:
        return None
    try:
        return settings.broker_ca.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            Text(
                "服务器读不了设置 broker_ca 指定的证书文件，请联系其管理员",
                "the server cannot read the certificates of its setting broker_ca; tell its administrator",
            )
        ) from None


def add_routes(router: APIRouter, services: Services, caller: Any) -> None:
    """The two routes. `Signed`: the dependency that says who asks; `caller(request)`: from which address."""
    enroller = Enroller(services.sights, services.database.whole(), services.settings, services.clock)

    @router.post("/gateways/{gateway_id}/invitation", status_code=201, responses=_NOT_ALLOWED, **needs(Operation.ENROL))
    def invite(gateway_id: str, person: Signed, body: InviteBody) -> InvitationBody:
        """Make a one-time code for a gateway's agent; one made before is no longer good. Administrators only."""
        made = enroller.invite(person, gateway_id, body.hours)
        return InvitationBody.model_validate(
            {
                "code": made.code,
                "gateway": made.gateway.id,
                "community": made.gateway.community,
                "expires_at": made.expires_at,
            }
        )

    @router.post(_PATH, responses=_NOT_TAKEN, **for_everybody())
    def redeem(body: RedeemBody, request: Request) -> CredentialsBody:
        """Exchange a one-time code for the gateway's credentials. Public: the code is what proves the right to it."""
        return enroller.redeem(body.code, body.attempt, caller(request))
