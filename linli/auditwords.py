"""The words of the audit log: what can be done (verbs), to what (kinds), and what a person's data is looked at for (purposes).

The words are for ever: entries are kept for years, and others search for them. A new act gets a new word here; none is given
another meaning. docs/audit.md lists them, and a test compares the two.
"""

from collections.abc import Mapping

from linli.audit import ERASED, SHORTENED
from linli.i18n import Text

SEALED = "audit.sealed"
RESEALED = "audit.resealed"
HEAD_STARTED = "audit.head.started"
REANCHORED = "audit.reanchored"
GUARDED = "audit.guarded"
PERSON_READ = "person.read"
SWIPE_READ = "swipe.read"
RETENTION_RAN = "retention.ran"
BACKUP_TAKEN = "backup.taken"
BACKUP_VERIFIED = "backup.verified"
BACKUP_RESTORED = "backup.restored"
DATABASE_COPIED = "database.copied"
RULES_LOADED = "rules.loaded"

VERBS: Mapping[str, Text] = {
    "session.started": Text("登录", "Signed in"),
    "session.refused": Text("登录被拒", "Sign-in refused"),
    "session.locked_out": Text("多次失败，暂停登录", "Locked out for a while after failures"),
    "session.second_factor.refused": Text("两步验证被拒", "Second factor refused"),
    "session.identity.refused": Text("统一身份登录被拒", "Sign-in by a provider refused"),
    "session.ended": Text("退出登录，或会话被结束", "Signed out, or the session was ended"),
    "account.added": Text("添加账号", "Account added"),
    "account.changed": Text("修改账号", "Account changed"),
    "account.role.changed": Text("更改角色", "Role changed"),
    "account.communities.changed": Text("更改所属小区", "Communities of the account changed"),
    "account.enabled": Text("启用账号", "Account enabled"),
    "account.disabled": Text("停用账号", "Account disabled"),
    "account.password.changed": Text("更改自己的密码", "Changed the own password"),
    "account.password.refused": Text("改密码时原密码不对", "Wrong password where it was asked for again"),
    "account.password.reset": Text("重设密码", "Password reset"),
    "account.second_factor.added": Text("启用两步验证", "Second factor added"),
    "account.second_factor.removed": Text("停用两步验证", "Second factor removed"),
    "account.second_factor.reset": Text("由他人重置两步验证", "Second factor reset by somebody else"),
    "account.identity.linked": Text("关联统一身份", "Identity at a provider linked"),
    "account.identity.unlinked": Text("解除统一身份", "Identity at a provider unlinked"),
    "account.recovery.used": Text("使用恢复码", "Recovery code used"),
    "account.recovery.renewed": Text("重新生成恢复码", "Recovery codes made anew"),
    "token.added": Text("新建令牌", "Token made"),
    "token.revoked": Text("吊销令牌", "Token revoked"),
    "secret.rotated": Text("更换密钥", "Secret rotated"),
    "alert.acknowledged": Text("确认告警", "Alert acknowledged"),
    "alert.shelved": Text("搁置告警", "Alert shelved"),
    "alert.unshelved": Text("取消搁置", "Alert taken up again"),
    "alert.closed": Text("关闭告警", "Alert closed"),
    "arming.changed": Text("布防或撤防", "Armed or disarmed"),
    "command.asked": Text("向设备下达指令", "Device told to do something"),
    "registry.loaded": Text("导入登记", "Registry loaded"),
    "registry.community.changed": Text("登记或修改小区", "Community added or changed"),
    "registry.community.removed": Text("删除小区", "Community removed"),
    "registry.place.changed": Text("登记或修改地点", "Place added or changed"),
    "registry.place.removed": Text("删除地点", "Place removed"),
    "registry.gateway.changed": Text("登记或修改网关", "Gateway added or changed"),
    "registry.gateway.removed": Text("删除网关", "Gateway removed"),
    "registry.facility.changed": Text("登记或修改设施", "Facility added or changed"),
    "registry.facility.removed": Text("删除设施", "Facility removed"),
    "registry.device.changed": Text("登记或修改设备", "Device added or changed"),
    "registry.device.removed": Text("删除设备", "Device removed"),
    "registry.device.replaced": Text("更换设备", "Device replaced"),
    "registry.device.adopted": Text("收编未知设备", "Unknown device adopted"),
    "registry.holiday.changed": Text("修改节假日", "Holiday added or changed"),
    "registry.holiday.removed": Text("删除节假日", "Holiday removed"),
    "registry.record.changed": Text("登记或修改其他记录", "Other record added or changed"),
    "registry.record.removed": Text("删除其他记录", "Other record removed"),
    "registry.merged": Text("合并重复记录", "Duplicates merged"),
    "registry.exported": Text("导出登记", "Registry exported"),
    "enrolment.invited": Text("邀请网关", "Gateway invited"),
    "enrolment.redeemed": Text("网关加入", "Gateway joined"),
    "enrolment.refused": Text("网关加入被拒", "Gateway refused"),
    "enrolment.shown": Text("显示网关的密码", "Gateway's password shown"),
    PERSON_READ: Text("查看个人信息", "Personal data looked at"),
    "person.changed": Text("修改个人信息", "Personal data changed"),
    "person.removed": Text("删除住户登记", "Person removed"),
    "person.merged": Text("合并重复住户", "Persons merged"),
    "person.exported": Text("导出某人的全部信息", "All of one person exported"),
    "person.erased": Text("删除某人的全部信息", "All of one person erased"),
    SWIPE_READ: Text("查看未脱敏的通行记录", "Swipes looked at unmasked"),
    "snapshot.read": Text("查看抓拍", "Snapshot looked at"),
    "data.exported": Text("导出数据", "Data exported"),
    "webhook.added": Text("添加 webhook", "Webhook added"),
    "webhook.changed": Text("修改 webhook", "Webhook changed"),
    "webhook.removed": Text("删除 webhook", "Webhook removed"),
    "webhook.replayed": Text("重新投递 webhook", "Webhook deliveries replayed"),
    "deadletters.replayed": Text("重放死信", "Dead letters replayed"),
    "deadletters.purged": Text("删除死信", "Dead letters purged"),
    BACKUP_TAKEN: Text("备份", "Backup taken"),
    BACKUP_VERIFIED: Text("检查备份", "Backup verified"),
    BACKUP_RESTORED: Text("从备份恢复", "Restored from a backup"),
    DATABASE_COPIED: Text("从另一数据库复制而来", "Database brought over from another"),
    RULES_LOADED: Text("启用新的规则文件", "Rules changed by their files"),
    "access.refused": Text("越权访问被拒", "Refused: not allowed"),
    "audit.read": Text("查看审计日志", "Audit log looked at"),
    "audit.exported": Text("导出审计日志", "Audit log exported"),
    SEALED: Text("封存机器写入的记录", "Rows written by machines sealed"),
    RESEALED: Text("到期删除后重新封存", "What is left of sealed rows sealed again"),
    SHORTENED: Text("按期限删除旧的审计记录", "Old entries of the audit log deleted"),
    ERASED: Text("删除审计记录旁关于某人的文字", "Texts about somebody beside the audit log erased"),
    HEAD_STARTED: Text("开始在数据库之外保存链头", "Head outside the database begun"),
    REANCHORED: Text("承认链的中断（例如恢复备份后）", "Broken end accepted, as after a restored backup"),
    GUARDED: Text("恢复拒绝改动日志的触发器", "What refuses changes of the log brought back"),
    RETENTION_RAN: Text("按期限删除数据", "Data deleted by retention"),
}
"""Every verb, in words."""

KINDS: Mapping[str, Text] = {
    "": Text("", ""),
    "account": Text("账号", "account"),
    "session": Text("会话", "session"),
    "token": Text("令牌", "token"),
    "alert": Text("告警", "alert"),
    "place": Text("地点", "place"),
    "device": Text("设备", "device"),
    "gateway": Text("网关", "gateway"),
    "facility": Text("设施", "facility"),
    "community": Text("小区", "community"),
    "holiday": Text("节假日", "holiday"),
    "record": Text("登记记录", "record"),
    "rule": Text("规则", "rule"),
    "rulefile": Text("规则文件", "rule file"),
    "command": Text("指令", "command"),
    "person": Text("个人", "person"),
    "household": Text("户", "household"),
    "snapshot": Text("抓拍", "snapshot"),
    "webhook": Text("webhook", "webhook"),
    "deadletter": Text("死信", "dead letter"),
    "table": Text("数据表", "table"),
    "class": Text("保存类别", "retention class"),
    "audit": Text("审计日志", "audit log"),
    "secret": Text("密钥", "secret"),
    "backup": Text("备份", "backup"),
    "database": Text("数据库", "database"),
}
"""What an act can be about."""

PURPOSES: Mapping[str, Text] = {
    "resident_request": Text("住户来访、来电", "The resident asked"),
    "emergency": Text("处置告警或紧急情况", "An alert or an emergency is being handled"),
    "service": Text("日常服务（维修、缴费、探访等）", "Everyday service: repairs, fees, visits"),
    "safety_check": Text("安全巡查、独居与高龄关怀", "Safety rounds, care of those who live alone"),
    "records": Text("核对、更正登记信息", "Checking and correcting the records"),
    "authority": Text("依法协助有关机关", "A lawful request of an authority"),
    "complaint": Text("处理投诉或信访", "A complaint is being looked into"),
    "own": Text("本人查看", "The person themselves"),
    "other": Text("其他（须写明）", "Another, which is stated"),
}
"""What a person's data may be looked at for. 'other' takes a reason."""


EVIDENCE = "emergency"
"""What the pictures that belong to an alert's evidence are looked at for."""


def not_said(purpose: str, reason: str, *, always: bool = False) -> tuple[str, Text] | None:
    """What is missing of why somebody looks, as a word and a text: a purpose that there is, or a reason for 'other' (`always`: for each
    purpose). None: nothing."""
    if purpose not in PURPOSES:
        known = ", ".join(PURPOSES)
        return "no_purpose", Text(f"须说明查看目的：{known}", f"say what for, one of: {known}")
    if always and not reason.strip():
        return "no_reason", Text("须写明原因", "this takes a reason: say why, in a sentence")
    if purpose == "other" and not reason.strip():
        return "no_reason", Text("目的为“其他”时须写明", "the purpose 'other' takes a reason")
    return None


def verb_name(verb: str) -> Text:
    """The verb in words; itself, if it is of a newer Linli."""
    return VERBS.get(verb, Text(verb, verb))


def kind_name(kind: str) -> Text:
    """The kind in words, likewise."""
    return KINDS.get(kind, Text(kind, kind))


def purpose_name(purpose: str) -> Text:
    """The purpose in words, likewise."""
    return PURPOSES.get(purpose, Text(purpose, purpose))
