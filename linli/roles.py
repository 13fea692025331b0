"""Who may do what: the roles, as one table that anyone can read (docs/roles.md shows it, and a test compares the two).

A role is what it may do (`operations`) and how far it sees (`reach`). Nothing else in Linli asks for a role by name: a route
asks for an operation, a query is confined to the communities that a person reaches (`linli.db.scoping`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from linli.i18n import Text
from linli.model import Role


class Operation(StrEnum):
    """What can be asked of Linli. The values are part of the API: a token may be limited to some of them."""

    SEE = "see"
    HANDLE_ALERTS = "handle_alerts"
    COMMAND_SECURITY = "command_security"
    COMMAND_FACILITIES = "command_facilities"
    EDIT_REGISTRY = "edit_registry"
    SEE_PERSONS = "see_persons"
    UNMASK_PERSONS = "unmask_persons"
    EDIT_PERSONS = "edit_persons"
    RELEASE_PERSONS = "release_persons"
    SEE_OWN = "see_own"
    SEE_SNAPSHOTS = "see_snapshots"
    ADD_SNAPSHOTS = "add_snapshots"
    EXPORT = "export"
    MANAGE_WEBHOOKS = "manage_webhooks"
    MANAGE_ACCOUNTS = "manage_accounts"
    READ_AUDIT = "read_audit"
    SEE_PLATFORM = "see_platform"
    ENROL = "enrol"


class Reach(StrEnum):
    """How far a role sees."""

    DISTRICT = "district"
    """Every community."""
    COMMUNITIES = "communities"
    """Those the person belongs to, directly or by a committee."""
    OWN = "own"
    """What is about the person alone."""


@dataclass(frozen=True, slots=True)
class Duty:
    """One line of the table."""

    name: Text
    reach: Reach
    operations: frozenset[Operation]
    what: Text
    """Who has this role, in a sentence."""
    tokens_only: bool = False
    """Whether it never signs in with a password: it is no person."""


OPERATIONS: Mapping[Operation, Text] = {
    Operation.SEE: Text(
        "查看告警、设备、设施、读数与事件", "See alerts, devices, facilities, readings and events of one's communities"
    ),
    Operation.HANDLE_ALERTS: Text("确认、搁置、关闭告警", "Acknowledge, shelve and close alerts"),
    Operation.COMMAND_SECURITY: Text("开门、控制警笛、布防撤防", "Open doors, switch sirens, arm and disarm places"),
    Operation.COMMAND_FACILITIES: Text("控制继电器", "Switch relays"),
    Operation.EDIT_REGISTRY: Text("登记、修改、导入", "Add to the registry, change it, import into it"),
    Operation.SEE_PERSONS: Text("查看住户与住户成员（脱敏）", "See households and residents, masked"),
    Operation.UNMASK_PERSONS: Text(
        "说明目的后查看未脱敏的个人信息", "See personal data unmasked, for a stated purpose, which is logged"
    ),
    Operation.EDIT_PERSONS: Text("登记、修改住户", "Add households and residents, change and merge them"),
    Operation.RELEASE_PERSONS: Text("导出或删除某人的全部信息", "Export or erase all that is known of one person"),
    Operation.SEE_OWN: Text(
        "查看关于自己的信息，修改联系方式与同意", "See what is known of oneself; change contact channels and consent"
    ),
    Operation.SEE_SNAPSHOTS: Text("查看抓拍图片", "See snapshots"),
    Operation.ADD_SNAPSHOTS: Text("上传抓拍图片", "Add snapshots: for the token of a camera's agent"),
    Operation.EXPORT: Text("导出列表", "Export lists as CSV or NDJSON"),
    Operation.MANAGE_WEBHOOKS: Text("管理 webhook", "Manage webhooks"),
    Operation.MANAGE_ACCOUNTS: Text("管理账号、会话与令牌", "Manage accounts, sessions and tokens"),
    Operation.READ_AUDIT: Text("查看审计日志", "Read the audit log"),
    Operation.SEE_PLATFORM: Text("查看平台自身的状态", "See how Linli itself is, over all communities"),
    Operation.ENROL: Text("邀请网关", "Invite a gateway: who has the code gets its credentials"),
}
"""Each operation in words."""

_SEES = frozenset((Operation.SEE, Operation.SEE_SNAPSHOTS))
_HANDLES = _SEES | {Operation.HANDLE_ALERTS, Operation.COMMAND_FACILITIES}
_KEEPS_PERSONS = frozenset((Operation.SEE_PERSONS, Operation.UNMASK_PERSONS, Operation.EDIT_PERSONS))

ROLES: Mapping[Role, Duty] = {
    Role.ADMINISTRATOR: Duty(
        Text("管理员", "Administrator"),
        Reach.DISTRICT,
        frozenset(Operation) - {Operation.SEE_OWN},
        Text("运行本平台的人", "Runs this installation"),
    ),
    Role.DISTRICT_COMMAND: Duty(
        Text("区级指挥", "District command"),
        Reach.DISTRICT,
        _HANDLES
        | _KEEPS_PERSONS
        | {Operation.COMMAND_SECURITY, Operation.EDIT_REGISTRY, Operation.EXPORT, Operation.MANAGE_WEBHOOKS},
        Text("看到所有小区，统一指挥", "Sees every compound, and is in command when something happens"),
    ),
    Role.COMMITTEE: Duty(
        Text("村居委会", "Committee"),
        Reach.COMMUNITIES,
        _HANDLES | _KEEPS_PERSONS | {Operation.EDIT_REGISTRY, Operation.EXPORT},
        Text("负责本村居的小区与居民", "Looks after the compounds of one committee, and their residents"),
    ),
    Role.SECURITY: Duty(
        Text("安保", "Security"),
        Reach.COMMUNITIES,
        _HANDLES | {Operation.COMMAND_SECURITY, Operation.SEE_PERSONS},
        Text("在岗亭或巡逻时处置告警", "Watches and handles alerts, at a desk or on patrol"),
    ),
    Role.PROPERTY: Duty(
        Text("物业", "Property manager"),
        Reach.COMMUNITIES,
        _HANDLES | _KEEPS_PERSONS | {Operation.EDIT_REGISTRY, Operation.EXPORT},
        Text("负责设施与住户资料", "Looks after facilities and the register of households"),
    ),
    Role.MAINTAINER: Duty(
        Text("维保", "Maintainer"),
        Reach.COMMUNITIES,
        frozenset((Operation.SEE, Operation.HANDLE_ALERTS, Operation.COMMAND_FACILITIES)),
        Text("检修设备与设施", "Repairs devices and facilities; sees no resident and no snapshot"),
    ),
    Role.RESIDENT: Duty(
        Text("居民", "Resident"),
        Reach.OWN,
        frozenset((Operation.SEE_OWN,)),
        Text("看到并管理关于自己的信息", "Sees what is known of them, and manages it"),
    ),
    Role.INTEGRATOR: Duty(
        Text("集成方", "Integrator"),
        Reach.COMMUNITIES,
        frozenset(
            (
                Operation.SEE,
                Operation.HANDLE_ALERTS,
                Operation.EDIT_REGISTRY,
                Operation.ADD_SNAPSHOTS,
                Operation.EXPORT,
                Operation.MANAGE_WEBHOOKS,
            )
        ),
        Text("另一个系统，只用令牌", "Another system: tokens only, each limited to some of these operations"),
        tokens_only=True,
    ),
    Role.AUDITOR: Duty(
        Text("审计员", "Auditor"),
        Reach.DISTRICT,
        frozenset((Operation.SEE, Operation.READ_AUDIT, Operation.EXPORT)),
        Text("核查谁做了什么、看了什么", "Checks who did what and who saw what; changes nothing"),
    ),
}
"""What each role may do, and how far it sees. What is not here is refused."""
