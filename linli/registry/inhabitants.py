"""The nouns of who lives in the district. Everything here is personal data, but for ids, kinds and purposes.

A person is known to one community: who has homes in two is known to each of them by itself, for each has its own reasons to
know. Days are written '2026-10-01', times are microseconds since 1970 UTC.
"""

from dataclasses import dataclass

from linli.i18n import Text


@dataclass(frozen=True, slots=True)
class Household:
    """Those who have a room together. `place` is the room; `kind` one of HOUSEHOLD_KINDS."""

    id: str
    community: str
    place: str
    kind: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who lives or works in a community, as it knows them.

    `sex` is one of SEXES; `born` is a year, month or day ('1953', '1953-07', '1953-07-21'); `needs`: what helpers have to know.
    None: not known, or erased.
    """

    id: str
    community: str
    name: str | None
    sex: str | None = None
    born: str | None = None
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Resident:
    """A person in a household; `relation` is one of RELATIONS. `since`, `until`: days; None: not known, and still there."""

    id: str
    community: str
    household: str
    person: str
    relation: str
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A way to reach a person; `kind` is one of CONTACT_KINDS. The lowest `position` is tried first.

    `verified_at`: when it was last known to work.
    """

    id: str
    community: str
    person: str
    kind: str
    value: str | None
    position: int = 0
    verified_at: int | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to at `at`, or (`given` False) no longer does; `purpose` is one of PURPOSES, and the newest of a
    purpose counts. `source`: how it was said (a form, the app, to whom)."""

    id: str
    community: str
    person: str
    purpose: str
    given: bool
    at: int
    source: str


HOUSEHOLD_KINDS = {
    "owner": Text("业主自住", "Owners"),
    "tenant": Text("租户", "Tenants"),
    "shop": Text("商铺", "Shop"),
    "empty": Text("空置", "Empty"),
}

SEXES = {"female": Text("女", "Female"), "male": Text("男", "Male"), "other": Text("其他", "Other")}

RELATIONS = {
    "head": Text("户主", "Head of household"),
    "spouse": Text("配偶", "Spouse"),
    "child": Text("子女", "Child"),
    "parent": Text("父母", "Parent"),
    "relative": Text("亲属", "Relative"),
    "tenant": Text("租客", "Tenant"),
    "carer": Text("照护人", "Carer"),
    "other": Text("其他", "Other"),
}

CONTACT_KINDS = {
    "mobile": Text("手机", "Mobile"),
    "phone": Text("固定电话", "Telephone"),
    "sms": Text("短信", "Text message"),
    "wechat": Text("微信", "WeChat"),
    "email": Text("电子邮件", "E-mail"),
    "doorbell": Text("对讲", "Doorbell"),
}

PURPOSES = {
    "emergency": Text("紧急联络", "To be reached in an emergency"),
    "property": Text("物业服务", "Property services"),
    "access": Text("门禁通行", "Opening doors"),
    "face_access": Text("人脸开门", "Opening doors by face"),
    "care": Text("关爱照护", "Care for those who live alone"),
    "notices": Text("社区通知", "Notices"),
    "visitors": Text("访客登记", "Announcing visitors"),
}
