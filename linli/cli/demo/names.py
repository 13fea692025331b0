"""What compounds, companies and people of the invented district are called."""

from random import Random

from linli.i18n import Text

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
_WEIGHTS = [max(1, 100 - 6 * number) if number < 16 else max(1, 10 - number // 12) for number in range(len(_SURNAMES))]
_MALE = "伟强磊军洋勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆旭宁龙林欢成康志建国文海峰亮东新力毅永"
_FEMALE = "芳娜敏静丽艳娟霞秀燕玲桂梅红英华慧莉萍洁琳雪颖婷欣悦佳怡倩雯蓉琪瑶兰凤玉珍萱薇梦淑"
_EITHER = "晨瑞思子雨晓一安宁嘉文乐天泽"

_COMMITTEES = (
    ("东湖", "Donghu"), ("西溪", "Xixi"), ("南山", "Nanshan"), ("北塘", "Beitang"), ("青云", "Qingyun"),
    ("金桥", "Jinqiao"), ("石桥", "Shiqiao"), ("柳林", "Liulin"), ("桃园", "Taoyuan"), ("龙泉", "Longquan"),
    ("凤凰", "Fenghuang"), ("白鹤", "Baihe"), ("长江", "Changjiang"), ("新民", "Xinmin"), ("和平", "Heping"),
    ("光明", "Guangming"), ("胜利", "Shengli"), ("团结", "Tuanjie"), ("永安", "Yongan"), ("太平", "Taiping"),
    ("朝阳", "Chaoyang"), ("向阳", "Xiangyang"), ("红旗", "Hongqi"), ("双桥", "Shuangqiao"), ("七里", "Qili"),
    ("九曲", "Jiuqu"), ("梅岭", "Meiling"), ("竹园", "Zhuyuan"), ("松江", "Songjiang"), ("荷塘", "Hetang"),
    ("兰亭", "Lanting"), ("沙洲", "Shazhou"), ("渔港", "Yugang"), ("盐仓", "Yancang"), ("码头", "Matou"),
    ("古塔", "Guta"), ("文昌", "Wenchang"), ("学府", "Xuefu"), ("科园", "Keyuan"), ("高铁", "Gaotie"),
    ("湖滨", "Hubin"), ("江畔", "Jiangpan"),
)  # fmt: skip
_FIRST = (
    ("翠", "Jade"), ("锦", "Brocade"), ("金", "Golden"), ("碧", "Emerald"), ("御", "Royal"), ("景", "Scenic"),
    ("盛", "Grand"), ("雅", "Elegant"), ("丽", "Fair"), ("嘉", "Fine"), ("怡", "Pleasant"), ("瑞", "Lucky"),
    ("明", "Bright"), ("清", "Clear"), ("云", "Cloud"), ("星", "Star"), ("月", "Moon"), ("春", "Spring"),
)  # fmt: skip
_SECOND = (
    ("湖", "Lake"), ("江", "River"), ("山", "Hill"), ("林", "Grove"), ("竹", "Bamboo"), ("荷", "Lotus"),
    ("桂", "Osmanthus"), ("梅", "Plum"), ("泉", "Spring Water"), ("溪", "Brook"), ("城", "Town"), ("枫", "Maple"),
)  # fmt: skip
_ENDS = (
    ("苑", "Court"),
    ("花园", "Gardens"),
    ("家园", "Homes"),
    ("名邸", "Residence"),
    ("公馆", "Mansion"),
    ("府", "Place"),
)
_RESETTLED = (("新村", "New Village"), ("安置小区", "Estate"), ("社区", "Quarter"), ("家园", "Homes"))
_COMPANIES = ("安邦", "万家", "绿都", "恒信", "佳和", "润泽", "中德", "永盛", "诚毅", "金色", "和谐", "首善")


def committee_name(number: int) -> tuple[str, str]:
    """The name of a committee without what kind it is; a number once the list is through."""
    zh, en = _COMMITTEES[number % len(_COMMITTEES)]
    again = number // len(_COMMITTEES)
    return (zh, en) if not again else (f"{zh}{again + 1}", f"{en} {again + 1}")


def compound_names(rng: Random, count: int, resettled: int) -> list[Text]:
    """Names of compounds, each once; the last `resettled` sound like those of resettlement."""
    found: dict[str, Text] = {}
    number = 0
    while len(found) < count:
        number += 1
        (a_zh, a_en), (b_zh, b_en) = rng.choice(_FIRST), rng.choice(_SECOND)
        late = len(found) >= count - resettled
        c_zh, c_en = rng.choice(_RESETTLED if late else _ENDS)
        part = number // 400
        name = Text(f"{a_zh}{b_zh}{c_zh}", f"{a_en} {b_en} {c_en}")
        if part:
            name = Text(f"{name.zh}{part}期", f"{name.en}, phase {part}")
        found.setdefault(name.zh, name)
    return list(found.values())


def company_name(number: int) -> Text:
    """A property company."""
    zh = _COMPANIES[number % len(_COMPANIES)]
    again = "" if number < len(_COMPANIES) else str(number // len(_COMPANIES) + 1)
    return Text(f"{zh}{again}物业服务有限公司", f"Property company {number + 1}")


def surname(rng: Random) -> str:
    """A surname, about as common as it is."""
    return rng.choices(_SURNAMES, _WEIGHTS)[0]


def given_name(rng: Random, sex: str) -> str:
    """A given name of one or two characters."""
    letters = (_MALE if sex == "male" else _FEMALE) + _EITHER
    return "".join(rng.choice(letters) for _ in range(1 if rng.random() < 0.25 else 2))


def phone(rng: Random) -> str:
    """A number of a mobile's length that nobody can have."""
    return f"100{rng.randrange(10**8):08}"
