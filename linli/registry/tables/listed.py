"""The tables and their columns: what may stand in a file, in which words. docs/registry-import.md shows this, and a test
compares the two."""

from collections.abc import Iterator, Mapping

from linli.i18n import Text
from linli.registry.inhabitants import CONTACT_KINDS, CREDENTIAL_KINDS, HOUSEHOLD_KINDS, PURPOSES, RELATIONS, SEXES
from linli.registry.model import COMMITTEE_KINDS, COMMUNITY_KINDS, ORGANISATION_KINDS
from linli.registry.tables.columns import Column, Table, Type
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, PLACE_KINDS


def _text(name: str, zh: str, en: str, note_zh: str, note_en: str, **more: bool | str | tuple[str, ...]) -> Column:
    return Column(name, Text(zh, en), Type.TEXT, Text(note_zh, note_en), **more)  # type: ignore[arg-type]


def _names() -> tuple[Column, Column]:
    return (
        _text(
            "name_zh", "中文名称", "Chinese name", "中文名称", "what it is called", required=True, also=("名称", "name")
        ),
        _text(
            "name_en", "英文名称", "English name", "英文名称；空白则同中文", "its English name; else as the Chinese one"
        ),
    )


def _kind(words: Mapping[str, Text], *, required: bool = True) -> Column:
    note = Text("种类，见文末词表", "what it is, a word of the list below")
    return Column("kind", Text("种类", "Kind"), Type.WORD, note, required=required, words=words, also=("类型", "type"))


def _one(
    name: str, zh: str, en: str, refers: str, note_zh: str, note_en: str, *, required: bool = False, part: str = ""
) -> Column:
    note = Text(note_zh, note_en)
    return Column(name, Text(zh, en), Type.ONE, note, required=required, refers=refers, part=part)


def _many(name: str, zh: str, en: str, refers: str, note_zh: str, note_en: str) -> Column:
    return Column(name, Text(zh, en), Type.MANY, Text(note_zh, note_en), refers=refers)


def _phone() -> Column:
    note = Text("电话；单元格设为文本", "telephone; format the cells as text")
    return Column("phone", Text("电话", "Phone"), Type.PHONE, note, also=("联系电话", "telephone"))


_ID = Column(
    "id",
    Text("标识", "Id"),
    Type.ID,
    Text(
        "可不填：按地址与名称识别，新的自动取得",
        "may be left out: a thing is known by address and name, and a new one is given its id",
    ),
    also=("编号",),
)
_DISTRICT = _one("district", "片区", "District", "district", "片区名称", "name of the district")
_COMMITTEE = _one("committee", "村居", "Committee", "committee", "村委会或居委会名称", "name of the committee")
_COMPOUND = Column(
    "community",
    Text("小区", "Compound"),
    Type.ONE,
    Text("小区名称；只有一个小区时可不填", "name of the compound; may be left out where there is only one"),
    refers="community",
    also=("community",),
)
_BUILDING = Column(
    "building", Text("楼栋", "Building"), Type.CODE, Text("楼号，如 12", "its number, such as 12"), also=("楼号", "幢")
)
_UNIT = Column(
    "unit",
    Text("单元", "Unit"),
    Type.CODE,
    Text("单元号，如 1；无单元则空", "its number, such as 1; empty if there are no units"),
)
_ROOM = Column(
    "room",
    Text("房号", "Room"),
    Type.CODE,
    Text("室号，如 0101；单元格设为文本", "its number, such as 0101; format the cells as text"),
    also=("室", "室号"),
)
_WHERE = _one(
    "place",
    "地点",
    "Place",
    "place",
    "地址之外的地点（车库、大门、设备间）的名称",
    "name of a place that has no such address: a garage, a gate, a plant room",
)

_COMPOUND_ADDRESS = (_DISTRICT, _COMMITTEE, _COMPOUND)
_NUMBERS = (_BUILDING, _UNIT, _ROOM)
_ADDRESS = (*_COMPOUND_ADDRESS, *_NUMBERS)
_PERSON = _one("person", "居民", "Person", "person", "姓名或标识", "name or id", required=True)
_NAMESAKE = Column(
    "person_born",
    Text("居民出生", "Person born"),
    Type.BORN,
    Text("同名时用来区分", "tells persons of one name apart"),
)


def _equipment() -> Iterator[Column]:
    def one(name: str, zh: str, en: str, kind: Type, note_zh: str, note_en: str) -> Column:
        refers = "floor_plan" if kind is Type.ONE else ""
        return Column(name, Text(zh, en), kind, Text(note_zh, note_en), refers=refers, part="equipment")

    yield one("serial", "序列号", "Serial number", Type.CODE, "铭牌上的序列号", "as on the plate")
    yield one("model", "型号", "Model", Type.TEXT, "厂家与型号", "maker and model")
    yield one(
        "in_service_since",
        "启用时间",
        "In service since",
        Type.TIME,
        "现有装机的启用日期",
        "since when this one stands there",
    )
    yield one("latitude", "纬度", "Latitude", Type.NUMBER, "WGS 84，度", "WGS 84, degrees")
    yield one("longitude", "经度", "Longitude", Type.NUMBER, "WGS 84，度", "WGS 84, degrees")
    yield one("plan", "平面图", "Floor plan", Type.ONE, "所在平面图的名称", "name of the floor plan that it is on")
    yield one(
        "x_m", "距左（米）", "From left (m)", Type.NUMBER, "在平面图上距左边的米数", "metres from the left of the plan"
    )
    yield one(
        "y_m", "距上（米）", "From top (m)", Type.NUMBER, "在平面图上距上边的米数", "metres from the top of the plan"
    )


def _whole(name: str, zh: str, en: str, note_zh: str, note_en: str) -> Column:
    return Column(name, Text(zh, en), Type.WHOLE, Text(note_zh, note_en))


def _of(name: str, zh: str, en: str, kind: Type, note_zh: str, note_en: str, *, required: bool = False) -> Column:
    return Column(name, Text(zh, en), kind, Text(note_zh, note_en), required=required)


def _table(kind: str, file: str, zh: str, en: str, *columns: Column, personal: bool = False) -> Table:
    return Table(kind, file, Text(zh, en), columns, personal)


_LISTED = (
    _table("district", "districts", "片区", "Districts", *_names(), _ID),
    _table("committee", "committees", "村居", "Committees", _DISTRICT, *_names(), _kind(COMMITTEE_KINDS), _ID),
    _table(
        "organisation", "organisations", "单位", "Organisations", *_names(), _kind(ORGANISATION_KINDS), _phone(), _ID
    ),
    _table(
        "community",
        "compounds",
        "小区",
        "Compounds",
        _DISTRICT,
        _COMMITTEE,
        *_names(),
        _kind(COMMUNITY_KINDS, required=False),
        _one("manager", "物业", "Managed by", "organisation", "物业公司的名称", "name of the property company"),
        _text("timezone", "时区", "Time zone", "空白则为 Asia/Shanghai", "Asia/Shanghai if empty"),
        _ID,
    ),
    _table(
        "place",
        "places",
        "地点",
        "Places",
        *_ADDRESS,
        _kind(PLACE_KINDS),
        *_names(),
        _of(
            "code",
            "其他编号",
            "Other number",
            Type.CODE,
            "楼层、区域等的编号；楼栋、单元、房间用前几列",
            "of a floor, a zone ...; that of a building, unit or room stands in its own column",
        ),
        _one(
            "parent",
            "位于",
            "Within",
            "place",
            "所在地点；空白则按地址",
            "the place that it lies in; by its address if empty",
        ),
        _ID,
    ),
    _table(
        "floor_plan",
        "floor_plans",
        "平面图",
        "Floor plans",
        *_ADDRESS,
        _WHERE,
        *_names(),
        _text("file", "文件", "File", "图片文件名", "name of the picture's file", required=True),
        _of(
            "width_m",
            "宽（米）",
            "Width (m)",
            Type.NUMBER,
            "全图宽度，米",
            "of the whole picture, in metres",
            required=True,
        ),
        _of(
            "height_m",
            "高（米）",
            "Height (m)",
            Type.NUMBER,
            "全图高度，米",
            "of the whole picture, in metres",
            required=True,
        ),
        _ID,
    ),
    _table("gateway", "gateways", "网关", "Gateways", *_COMPOUND_ADDRESS, *_names(), _ID),
    _table("facility", "facilities", "设施", "Facilities", *_ADDRESS, _WHERE, _kind(FACILITY_KINDS), *_names(), _ID),
    _table(
        "device",
        "devices",
        "设备",
        "Devices",
        *_ADDRESS,
        _WHERE,
        _kind(DEVICE_KINDS),
        *_names(),
        _one(
            "gateway",
            "网关",
            "Gateway",
            "gateway",
            "上报所经网关；只有一个时可不填",
            "the gateway that it reports through; may be left out where there is only one",
        ),
        _one("facility", "设施", "Facility", "facility", "所属设施", "the facility that it belongs to"),
        _one(
            "parent",
            "上级设备",
            "Hangs on",
            "device",
            "所接的交换机、电源或控制器；空白则只经网关",
            "the switch, supply or controller that it fails with; empty: its gateway alone",
        ),
        _of(
            "interval_s",
            "上报间隔（秒）",
            "Interval (s)",
            Type.NUMBER,
            "正常时至少多久上报一次",
            "it reports at least this often when it is well",
        ),
        *_equipment(),
        _ID,
    ),
    _table(
        "staff",
        "staff",
        "工作人员",
        "Staff",
        _one(
            "organisation",
            "单位",
            "Organisation",
            "organisation",
            "单位名称",
            "name of the organisation",
            required=True,
        ),
        _text("name", "姓名", "Name", "姓名", "name", required=True),
        _text("duty", "职责", "Duty", "做什么", "what they do"),
        _phone(),
        _text("account", "账号", "Account", "在邻里的账号标识", "id of their account in Linli"),
        _ID,
    ),
    _table(
        "team",
        "teams",
        "班组",
        "Teams",
        _one(
            "organisation",
            "单位",
            "Organisation",
            "organisation",
            "单位名称",
            "name of the organisation",
            required=True,
        ),
        *_names(),
        _many("members", "成员", "Members", "staff", "工作人员，本单位的", "staff of the organisation"),
        _many("communities", "负责小区", "Serves compounds", "community", "小区", "compounds"),
        _many(
            "committees",
            "负责村居",
            "Serves committees",
            "committee",
            "村居，即其全部小区",
            "committees, with all of their compounds",
        ),
        _ID,
    ),
    _table(
        "household", "households", "住户", "Households", *_ADDRESS, _WHERE, _kind(HOUSEHOLD_KINDS), _ID, personal=True
    ),
    _table(
        "person",
        "persons",
        "居民",
        "Persons",
        *_COMPOUND_ADDRESS,
        _text("name", "姓名", "Name", "姓名", "name", required=True),
        Column("sex", Text("性别", "Sex"), Type.WORD, Text("见文末词表", "a word of the list below"), words=SEXES),
        _of("born", "出生", "Born", Type.BORN, "1953、1953-07 或 1953-07-21", "1953, 1953-07 or 1953-07-21"),
        _text(
            "needs",
            "需要照顾",
            "Needs",
            "救助时要知道的（独居、轮椅）",
            "what helpers have to know: lives alone, wheelchair",
        ),
        _ID,
        personal=True,
    ),
    _table(
        "resident",
        "residents",
        "住户成员",
        "Residents",
        *_ADDRESS,
        _WHERE,
        _one("household", "住户", "Household", "household", "一室多户时填其标识", "its id, where a room has several"),
        _PERSON,
        _NAMESAKE,
        Column(
            "relation",
            Text("关系", "Relation"),
            Type.WORD,
            Text("见文末词表", "a word of the list below"),
            required=True,
            words=RELATIONS,
        ),
        _of("since", "入住", "Since", Type.DAY, "入住日期", "when they moved in"),
        _of("until", "迁出", "Until", Type.DAY, "迁出日期；仍在则空", "when they left; empty: still there"),
        _ID,
        personal=True,
    ),
    _table(
        "contact",
        "contacts",
        "联系方式",
        "Contacts",
        *_COMPOUND_ADDRESS,
        _PERSON,
        _NAMESAKE,
        _kind(CONTACT_KINDS),
        Column(
            "value",
            Text("号码或地址", "Number or address"),
            Type.PHONE,
            Text("单元格设为文本", "format the cells as text"),
            required=True,
        ),
        _whole("position", "次序", "Order", "先试小的；空白为 0", "the lowest is tried first; 0 if empty"),
        _of(
            "verified_at", "核实时间", "Verified at", Type.TIME, "最近确认可用的时间", "when it was last known to work"
        ),
        _ID,
        personal=True,
    ),
    _table(
        "consent",
        "consents",
        "同意",
        "Consents",
        *_COMPOUND_ADDRESS,
        _PERSON,
        _NAMESAKE,
        Column(
            "purpose",
            Text("目的", "Purpose"),
            Type.WORD,
            Text("见文末词表", "a word of the list below"),
            required=True,
            words=PURPOSES,
        ),
        _of("given", "同意", "Given", Type.YES, "是：同意；否：撤回", "yes: agreed; no: no longer", required=True),
        _of("at", "时间", "At", Type.TIME, "何时表示", "when they said so", required=True),
        _text("source", "来源", "Source", "如何表示（表格、应用）", "how they said so: a form, the app", required=True),
        _ID,
        personal=True,
    ),
    _table(
        "credential",
        "credentials",
        "通行凭证",
        "Credentials",
        *_COMPOUND_ADDRESS,
        _PERSON,
        _NAMESAKE,
        _kind(CREDENTIAL_KINDS),
        Column(
            "value",
            Text("号码", "Number"),
            Type.CODE,
            Text("与读卡器上报的一致；单元格设为文本", "as readers report it; format the cells as text"),
            required=True,
        ),
        _of("since", "启用", "Since", Type.DAY, "自哪天起归其使用", "the first day on which it was theirs"),
        _of("until", "停用", "Until", Type.DAY, "到哪天为止；仍在用则空", "the last day; empty: still theirs"),
        _ID,
        personal=True,
    ),
    _table(
        "holiday",
        "holidays",
        "节假日",
        "Holidays",
        *_COMPOUND_ADDRESS[:2],
        Column(
            "community",
            _COMPOUND.heading,
            Type.ONE,
            Text("空白：整个片区", "empty: for the whole district"),
            refers="community",
            also=("community",),
        ),
        _of("day", "日期", "Day", Type.DAY, "如 2026-10-01", "such as 2026-10-01", required=True),
        _of(
            "holiday",
            "放假",
            "Day off",
            Type.YES,
            "是：放假；否：调休上班",
            "yes: a holiday; no: a working day made up",
            required=True,
        ),
        *_names(),
    ),
)

TABLES: Mapping[str, Table] = {table.kind: table for table in _LISTED}
"""By kind, each after those that it refers to."""
