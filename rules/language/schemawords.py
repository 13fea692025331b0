"""What editors show beside each key of a rule: the descriptions in the JSON Schema, in both languages."""

from linli.i18n import Text

SAYS: dict[str, Text] = {
    # the whole rule
    "id": Text(
        "规则的名字，告警上会写；改规则时不要改它",
        "the rule's name, which its alerts carry; keep it when you edit the rule",
    ),
    "title": Text("叫什么", "what it is called"),
    "sentence": Text(
        "一句话说明原因，可用 {device} {place} {value} {threshold} {for} {time} 等",
        "why, in one sentence, with {device} {place} {value} {threshold} {for} {time} and others",
    ),
    "advice": Text("现在该做什么", "what to do now"),
    "Rule.severity": Text("多严重；条件里可以另写", "how bad; a clause may have its own"),
    "route": Text("告诉谁，例如 guard、property、electrician", "whom it is for, such as guard, property, electrician"),
    "source": Text("依据的标准或产品；[P] 表示建议", "the standard or product it comes from; [P] for a proposal"),
    "applies_to": Text("管哪些设备", "which devices it watches"),
    "when": Text("条件，任一成立即可", "its clauses: any one of them is enough"),
    "subject": Text(
        "告警针对什么：设备、楼栋或小区", "what an alert is about: the device, its building, its community"
    ),
    "latched": Text("只有人才能关闭", "only a person closes it"),
    "life_safety": Text(
        "生命安全：不能搁置或抑制，必须 latched", "nothing shelves or suppresses it; it must be latched"
    ),
    "confirm": Text(
        "同一楼栋第二台设备在此时间内也报，即为确认", "a second device of the building within this time confirms it"
    ),
    "declares": Text("词表以外的自有名称", "names of your own that the vocabulary does not have"),
    "steps": Text("处置步骤，逐条", "what to do, one after the other"),
    "settle": Text(
        "等待迟到数据的时间，其间先后不影响结果", "how long it waits for stragglers; within that, order does not matter"
    ),
    "many": Text("这么多台设备同时如此时的级别", "how bad it is when so many devices stand behind one alert"),
    "remind": Text("告警后多久再提醒", "told again so long after it opened"),
    "remind_every": Text("每隔多久再提醒", "told again so often"),
    "zh": Text("中文", "in Chinese"),
    "en": Text("英文", "in English"),
    "device_kinds": Text("这些种类的设备", "devices of these kinds"),
    "facility_kinds": Text("属于这些种类的设施", "part of a facility of one of these kinds"),
    "place_kinds": Text("位于这些种类的地点之内", "in a place of one of these kinds"),
    "devices": Text("几台", "how many"),
    "Many.severity": Text("升到的级别", "how bad it then is"),
    # a clause
    "event": Text("发生了一件事", "something happened"),
    "state": Text("从开始事件持续到结束事件", "something lasts from a beginning to an end"),
    "reading": Text("数值越限", "a number is beyond a limit"),
    "missing": Text("没有消息", "a device said nothing"),
    "all": Text("几个条件同时成立", "several of these hold at once"),
    "Clause.severity": Text("此条件成立时的级别", "how bad it is when this clause is what came true"),
    "by": Text(
        "谁的数据算在一起：device、place、building、community、device.字段，或 data.字段",
        "whose data are taken together: device, place, building, community, device.<field>, or data.<field>",
    ),
    "during": Text("只在这些时段算数", "it counts only in these hours"),
    "armed": Text("所在地点处于这些模式之一时才算数", "it counts only while its place is in one of these modes"),
    "only": Text("只管其中一部分设备", "only some of the rule's devices"),
    "of": Text("要同时成立的条件", "the clauses that have to hold at once"),
    # events
    "types": Text("事件类型，任一即可", "event types, any of them"),
    "Match.where": Text(
        "事件数据须为此值（列表：其中之一）", "the event's data have this value (of a list: one of them)"
    ),
    "unless": Text("此前有这些事件就不算", "not when one of these came before"),
    "after": Text("此前须有这些事件", "only when one of these came before"),
    "without": Text("其间没有这些事件", "and nothing of this came in between"),
    "within": Text("多长时间之内", "within this time"),
    "repeated": Text("这段时间内至少这么多次", "at least so many times within so long"),
    "more_than": Text("并且比这些事件还多", "and more often than these"),
    "Repeated.devices": Text("至少来自这么多台不同的设备", "of at least so many different devices"),
    "times": Text("次数", "how many times"),
    "quiet": Text("这么久没有再发生即结束", "over once it has not happened again for so long"),
    "from": Text("当地时间，含", "local time, inclusive"),
    "to": Text("当地时间，不含；可以跨零点", "local time, exclusive; may cross midnight"),
    "days": Text("时段开始于这些日子；不写为每天", "the days on which the hours begin; none named: all"),
    # states and readings
    "begins": Text("开始事件", "the event that begins it"),
    "ends": Text("结束事件，任一即可", "the events that end it, any of them"),
    "for": Text("持续这么久才算数", "it counts after so long"),
    "keep": Text("恢复这么久才解除", "it is over once it has been right for so long"),
    "fades": Text("这么久没有再出现即结束", "over once it has not been seen again for so long"),
    "quantity": Text("物理量", "what is measured"),
    "value": Text("由物理量算出的数，例如 avg(co, 15m)", "a number made of quantities, such as avg(co, 15m)"),
    "above": Text("高于", "above this"),
    "at_least": Text("不低于", "this or above"),
    "below": Text("低于", "below this"),
    "at_most": Text("不高于", "this or below"),
    "outside": Text("超出 [下限, 上限]", "outside of [lower, upper]"),
    "normal": Text("偏离平常", "away from what was usual"),
    "reset_below": Text("降到此值以下才解除", "over only below this"),
    "reset_above": Text("升到此值以上才解除", "over only above this"),
    "reset_inside": Text("回到此范围之内才解除", "over only within this range"),
    "samples": Text("越限读数的个数", "so many readings beyond"),
    "fresh": Text("place.… 中其他设备的读数最多多旧", "how old another device's reading may be in place...."),
    "unit": Text("单位不符的读数不算", "a reading in another unit says nothing"),
    "sigmas": Text("几个标准差", "how many standard deviations"),
    "learn": Text("学习多久的数据", "over how long it learns"),
    "Normal.by": Text("hour：按小时分别学习；always：不分", "hour: each hour of the day by itself; always: in one"),
    # overrides
    "rule": Text("覆盖哪条规则", "the rule's id"),
    "Override.where": Text("在哪里：小区、地点或设备之一", "where: one of a community, a place, a device"),
    "community": Text("小区编号", "id of a community"),
    "place": Text("地点编号，含其内各处", "id of a place, with all that is in it"),
    "device": Text("设备编号", "id of a device"),
    "change": Text(
        "逐键覆盖；条件用编号，例如 when: {1: {reading: {above: 60}}}；null 去掉一个键",
        "laid over the rule key by key; clauses by number, as in when: {1: {reading: {above: 60}}}; null takes a key away",
    ),
    "off": Text("在此处不监视", "it does not watch there"),
    "reason": Text("为什么", "why"),
}
"""By 'Struct.key' where a key means different things, else by key."""
