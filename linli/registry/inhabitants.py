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


@dataclass(frozen=True, slots=True)
class Credential:
    """What opens doors for a person, as the readers report it: `value` is what stands in the events' data; `kind` is one of
    CREDENTIAL_KINDS. `since`, `until`: the first and the last day on which it was theirs, by the community's clock; None: not
    known, and still theirs."""

    id: str
    community: str
    person: str
    kind: str
    value: str | None
    since: str | None = None
    until: str | None = None


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

CREDENTIAL_KINDS = {
    "card": Text("门禁卡", "Card"),
    "fob": Text("钥匙扣", "Key fob"),
    "phone": Text("手机开门", "Phone"),
    "plate": Text("车牌", "Number plate"),
    "face": Text("人脸编号", "Number of a face"),
    "other": Text("其他", "Other"),
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

PURPOSES_MEAN = {
    "emergency": Text(
        "发生火警、漏水、困人等情况时，可以打电话或发消息通知您。不同意时救援照常进行。",
        "In a fire, a leak or an entrapment you may be called or sent a message. Without it, help comes all the same.",
    ),
    "property": Text(
        "维修、缴费、停水停电等事项，物业可以直接联系您。不同意时只看公告。",
        "About repairs, fees and works the property manager may contact you. Without it, there are the notice boards.",
    ),
    "access": Text(
        "用您的门禁卡、手机或密码开门，并记下开门的时间。不同意时请用对讲，或由门岗开门。",
        "Your card, phone or code opens doors, and when it did is kept. Without it, use the intercom or ask at the gate.",
    ),
    "face_access": Text(
        "用您的面部照片开门。可以随时不同意：门禁卡、对讲和门岗照样能用。",
        "A picture of your face opens doors. You need not agree: your card, the intercom and the gate work all the same.",
    ),
    "care": Text(
        "工作人员可以打电话或上门看望，了解您是否平安、需要什么帮助。",
        "Staff may call or visit you to see whether you are well and what help you need.",
    ),
    "notices": Text(
        "社区的通知和活动可以发到您的联系方式。",
        "Notices and news of the neighbourhood may be sent to you.",
    ),
    "visitors": Text(
        "有访客时，门岗可以联系您确认。不同意时请您到门口接访客。",
        "When somebody comes to see you, the gate may ask you. Without it, meet your visitors at the gate.",
    ),
}
"""What a person says yes or no to, in words for them."""
