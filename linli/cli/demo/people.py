"""Who lives in a compound of the invented district, and who works for it. Everybody is drawn by lot."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random

from linli.cli.demo.layout import Plan
from linli.cli.demo.names import company_name, given_name, phone, surname
from linli.i18n import Text
from linli.registry.inhabitants import Consent, Contact, Household, Person, Resident
from linli.registry.model import Organisation, Staff, Team

TODAY = date(2026, 10, 1)
"""The day on which it is all so, whenever it is made: the same seed gives the same district."""
_ASKED_AT = 1_759_276_800_000_000
_DAY = 86_400_000_000
_NEEDS = ("独居", "行动不便，使用轮椅", "听力障碍", "视力障碍", "需吸氧", "认知障碍，易走失", "长期卧床")

Inhabitant = Household | Person | Resident | Contact | Consent


def inhabitants(plan: Plan, rooms: Sequence[str], rng: Random) -> Iterator[Inhabitant]:
    """Who lives in these rooms, a household each."""
    for room in rooms:
        kinds = ("owner", "tenant", "empty", "shop")
        kind = rng.choices(kinds, (55, 38, 6, 1) if plan.resettled else (70, 20, 9, 1))[0]
        household = Household(_id(rng, "h"), plan.id, room, kind)
        yield household
        if kind in ("owner", "tenant"):
            yield from _family(plan.id, household.id, kind, rng)


def _family(community: str, household: str, kind: str, rng: Random) -> Iterator[Inhabitant]:
    head_sex = rng.choice(("male", "female"))
    old = rng.random() < 0.22
    age = rng.randint(62, 90) if old else rng.randint(24, 61)
    name = surname(rng)
    pair = rng.random() < (0.55 if old else 0.7)
    since = TODAY - timedelta(days=rng.randint(30, 700 if kind == "tenant" else 6_000))
    members = [("tenant" if kind == "tenant" else "head", name, head_sex, age)]
    if pair:
        members.append(
            ("spouse", surname(rng), "female" if head_sex == "male" else "male", max(22, age - rng.randint(-3, 5)))
        )
    if not old and pair and age > 26:
        for _ in range(rng.choices((0, 1, 2), (25, 55, 20))[0]):
            members.append(("child", name, rng.choice(("male", "female")), rng.randint(0, min(22, age - 23))))
    if not old and rng.random() < 0.18:
        members.append(("parent", surname(rng), rng.choice(("male", "female")), age + rng.randint(24, 32)))
    for at, (relation, family, sex, years) in enumerate(members):
        alone = len(members) == 1 and years > 70
        yield from _member(
            community, household, relation, family + given_name(rng, sex), sex, years, since, at, alone, rng
        )


def _member(
    community: str,
    household: str,
    relation: str,
    name: str,
    sex: str,
    years: int,
    since: date,
    at: int,
    alone: bool,
    rng: Random,
) -> Iterator[Inhabitant]:
    born = TODAY - timedelta(days=365 * years + rng.randint(0, 364))
    needs = "独居" if alone else rng.choice(_NEEDS[1:]) if years > 65 and rng.random() < 0.12 else None
    person = Person(_id(rng, "p"), community, name, sex, born.isoformat(), needs)
    yield person
    yield Resident(_id(rng, "r"), community, household, person.id, relation, max(since, born).isoformat())
    if years >= 14:
        verified = _ASKED_AT - rng.randint(1, 600) * _DAY if rng.random() < 0.7 else None
        yield Contact(_id(rng, "c"), community, person.id, "mobile", phone(rng), 0, verified)
        if rng.random() < 0.08:
            yield Contact(_id(rng, "c"), community, person.id, "phone", f"0000-{rng.randrange(10**8):08}", 1)
    if at == 0:
        asked = _ASKED_AT - rng.randint(1, 900) * _DAY
        yield Consent(_id(rng, "a"), community, person.id, "emergency", True, asked, "demo")
        if rng.random() < 0.5:
            yield Consent(_id(rng, "a"), community, person.id, "access", rng.random() < 0.9, asked, "demo")
    if needs is not None:
        yield Consent(_id(rng, "a"), community, person.id, "care", rng.random() < 0.85, _ASKED_AT, "demo")


_CONTRACTORS = (
    ("lift", "电梯维保", "Lift maintenance", 4),
    ("fire", "消防维保", "Fire systems", 3),
    ("power", "电力维护", "Electrical maintenance", 2),
    ("water", "供水维护", "Water supply", 1),
    ("gas", "燃气服务", "Gas services", 1),
)
_DEPARTMENTS = (
    ("street", "街道办事处", "Street office"),
    ("police", "派出所", "Police station"),
    ("brigade", "消防救援站", "Fire and rescue station"),
    ("urban", "城市管理所", "Urban management office"),
    ("civil", "民政办公室", "Civil affairs office"),
)
COMPANIES = 12


def organisations(rng: Random, prefix: str) -> Iterator[Organisation | Staff | Team]:
    """Property companies, contractors and departments, with the people of the last two."""
    for number in range(COMPANIES):
        yield Organisation(f"{prefix}-property-{number + 1}", "property", company_name(number), phone(rng))
    for key, zh, en, count in _CONTRACTORS:
        for number in range(1, count + 1):
            of = f"{prefix}-{key}-{number}"
            yield Organisation(of, "contractor", Text(f"{zh}{number}公司", f"{en} company {number}"), phone(rng))
            yield from _crew(rng, of, Text(f"{zh}班", f"{en} crew"), 8, "维保", of)
    for key, zh, en in _DEPARTMENTS:
        yield Organisation(f"{prefix}-{key}", "department", Text(zh, en), phone(rng))
        yield from _staff(rng, f"{prefix}-{key}", 6, "值班")


def committee_people(rng: Random, committee: str, name: Text) -> Iterator[Organisation | Staff | Team]:
    """The office of a committee, and who is on its rounds."""
    of = f"{committee}-office"
    yield Organisation(of, "department", Text(f"{name.zh}办公室", f"{name.en}, office"), phone(rng))
    people = list(_staff(rng, of, 5, "网格员"))
    yield from people
    yield Team(f"{of}-team", of, Text(f"{name.zh}网格组", f"{name.en}, rounds"), _ids(people), committees=(committee,))


def compound_staff(rng: Random, plan: Plan, company: str) -> Iterator[Staff | Team]:
    """A compound's manager, guards and craftsmen, in two teams."""
    guards = list(_staff(rng, company, 6, "保安"))
    others = [*_staff(rng, company, 1, "项目经理"), *_staff(rng, company, 1, "电工"), *_staff(rng, company, 2, "维修")]
    yield from (*guards, *others)
    zh, en = plan.name.zh, plan.name.en
    yield Team(f"{plan.id}-guards", company, Text(f"{zh}保安班", f"{en}, guards"), _ids(guards), (plan.id,))
    yield Team(f"{plan.id}-service", company, Text(f"{zh}工程班", f"{en}, service"), _ids(others), (plan.id,))


def _crew(rng: Random, of: str, name: Text, count: int, duty: str, key: str) -> Iterator[Staff | Team]:
    people = list(_staff(rng, of, count, duty))
    yield from people
    yield Team(f"{key}-crew", of, name, _ids(people))


def _staff(rng: Random, of: str, count: int, duty: str) -> Iterator[Staff]:
    for _ in range(count):
        name = surname(rng) + given_name(rng, rng.choice(("male", "female")))
        yield Staff(_id(rng, "s"), of, name, duty, phone(rng))


def _ids(people: Sequence[Staff]) -> tuple[str, ...]:
    return tuple(sorted(one.id for one in people))


def _id(rng: Random, letter: str) -> str:
    """As `linli.registry.naming.random_id`, but the same for the same seed."""
    return f"{letter}{rng.getrandbits(80):020x}"
