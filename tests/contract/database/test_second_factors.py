"""Second factors: setting one up, proving it, losing it, and what lies in the database."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from linli.clock import SECOND
from linli.db import resealing, schema
from linli.db.database import Database
from linli.db.people import CODE_REFILL_S, FactorWanted, People, SignedIn, WrongCode, WrongPresent
from linli.db.resealing import SEALED, seal_everything_anew
from linli.db.throttle import BURST
from linli.errors import Conflict, NotSignedIn, TooMany
from linli.model import Role
from linli.sealing import NotSealedHere, Seals
from linli.secondfactor import STEP_S, code_at, matching_step
from linli.signin import FACTOR_FRESH_FOR, SignInPolicy, Stage
from linli.testing import ManualClock

PASSWORD = "violet harbour 42 tin"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_700_000_010_000_000)


@pytest.fixture
def seals(tmp_path: Path) -> Seals:
    return Seals(tmp_path / "secrets")


@pytest.fixture
def people(database: Database, clock: ManualClock, seals: Seals) -> People:
    made = People(database, clock, SignInPolicy(second_factor=True), seals)
    made.add("root", Role.ADMINISTRATOR, password=PASSWORD)
    made.add("guard", Role.SECURITY, password=PASSWORD)
    return made


def enrol(people: People, clock: ManualClock, name: str = "root") -> tuple[str, list[str], SignedIn]:
    """Secret, recovery codes and session of who has just set one up; the next step has begun."""
    entered = people.sign_in(name, PASSWORD)
    offer = people.offer_factor(entered.token, PASSWORD)
    signed, codes = people.enrol_factor(entered.token, code_at(offer.secret, clock.us))
    clock.advance(STEP_S)
    return offer.secret, codes, signed


def test_an_administrator_sets_one_up_before_anything_else(people: People, clock: ManualClock) -> None:
    """The session waits until the phone's first code; then it is another cookie, and complete."""
    entered = people.sign_in("root", PASSWORD)
    assert entered.stage is Stage.ENROLMENT
    assert people.by_session(entered.token) is None
    offer = people.offer_factor(entered.token)
    assert offer.uri.startswith("otpauth://totp/Linli:root?secret=")
    with pytest.raises(WrongCode):
        people.enrol_factor(entered.token, "000000")
    signed, codes = people.enrol_factor(entered.token, code_at(offer.secret, clock.us))
    assert signed.stage is Stage.COMPLETE
    assert people.by_session(entered.token) is None
    assert people.by_session(signed.token) is not None
    assert len(set(codes)) == 10
    assert people.sign_in("guard", PASSWORD).stage is Stage.COMPLETE, "who need not have one is not asked"


def test_signing_in_takes_the_phones_code(people: People, clock: ManualClock) -> None:
    """And neither password nor code alone."""
    secret, _, _ = enrol(people, clock)
    entered = people.sign_in("root", PASSWORD)
    assert entered.stage is Stage.CODE
    assert people.by_session(entered.token) is None
    for wrong in ("", "12345", "abcdef", "１２３４５６", code_at(secret, clock.us - 10 * STEP_S * SECOND)):
        with pytest.raises(WrongCode):
            people.give_code(entered.token, wrong, wrong)
    people.reset_factor("root")
    secret, _, _ = enrol(people, clock)
    entered = people.sign_in("root", PASSWORD)
    signed = people.give_code(entered.token, code_at(secret, clock.us))
    assert people.by_session(signed.token) is not None
    assert people.by_session(entered.token) is None
    with pytest.raises(NotSignedIn):
        people.give_code(entered.token, code_at(secret, clock.us))


def test_a_code_is_good_once(people: People, clock: ManualClock) -> None:
    """Who looked over a shoulder has nothing, also within its half minute; nor has who saw the code of the enrolment."""
    secret, _, _ = enrol(people, clock)
    code = code_at(secret, clock.us)
    people.give_code(people.sign_in("root", PASSWORD).token, code)
    for seen in (code, code_at(secret, clock.us - STEP_S * SECOND)):
        with pytest.raises(WrongCode):
            people.give_code(people.sign_in("root", PASSWORD).token, seen)
    clock.advance(STEP_S)
    people.give_code(people.sign_in("root", PASSWORD).token, code_at(secret, clock.us))


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phones_clock_may_be_a_little_off(people: People, clock: ManualClock, steps: int, taken: bool) -> None:
    """One step either way."""
    secret, _, _ = enrol(people, clock)
    clock.advance(10 * STEP_S)
    entered = people.sign_in("root", PASSWORD)
    code = code_at(secret, clock.us + steps * STEP_S * SECOND)
    if taken:
        people.give_code(entered.token, code)
    else:
        with pytest.raises(WrongCode):
            people.give_code(entered.token, code)


def test_the_standards_own_examples() -> None:
    """RFC 6238, appendix B, of SHA-1, in six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")):
        assert code_at(secret, seconds * SECOND) == code
        assert matching_step(secret, code, seconds * SECOND, None) == seconds // STEP_S


def test_codes_are_not_guessed(people: People, clock: ManualClock) -> None:
    """Five tries, then one each five minutes, over all sessions of the account; recovery codes count alike."""
    secret, codes, _ = enrol(people, clock)
    for number in range(BURST):
        with pytest.raises(WrongCode):
            people.give_code(people.sign_in("root", PASSWORD).token, "00000-00000" if number % 2 else "000000")
    entered = people.sign_in("root", PASSWORD)
    for right in (code_at(secret, clock.us), codes[0]):
        with pytest.raises(TooMany):
            people.give_code(entered.token, right)
    clock.advance(CODE_REFILL_S)
    people.give_code(entered.token, code_at(secret, clock.us))


def test_a_recovery_code_stands_in_once(people: People, clock: ManualClock, database: Database) -> None:
    """However it is typed; the others stay, and are kept as hashes."""
    _, codes, _ = enrol(people, clock)
    user = people.get("root").id
    typed = f" {codes[3].upper().replace('-', ' ')} "
    assert people.give_code(people.sign_in("root", PASSWORD).token, typed).stage is Stage.COMPLETE
    assert people.factors.state(user).recovery_codes == 9
    with pytest.raises(WrongCode):
        people.give_code(people.sign_in("root", PASSWORD).token, codes[3])
    with database.read() as connection:
        kept = str(connection.execute(select(schema.recovery_codes)).all())
    assert kept.count("$argon2id$") == 10
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


def test_new_recovery_codes_replace_the_old(people: People, clock: ManualClock) -> None:
    """For one's password once more."""
    _, codes, signed = enrol(people, clock)
    with pytest.raises(WrongPresent):
        people.new_recovery_codes(signed.token, "wrong")
    fresh = people.new_recovery_codes(signed.token, PASSWORD)
    assert not set(fresh) & set(codes)
    with pytest.raises(WrongCode):
        people.give_code(people.sign_in("root", PASSWORD).token, codes[0])
    people.give_code(people.sign_in("root", PASSWORD).token, fresh[0])


def test_a_new_phone_takes_over_with_its_first_code(people: People, clock: ManualClock) -> None:
    """Until then the old one counts; who only found an open page gets no further than the password; other sessions end."""
    secret, _, signed = enrol(people, clock)
    elsewhere = people.give_code(people.sign_in("root", PASSWORD).token, code_at(secret, clock.us)).token
    clock.advance(STEP_S)
    with pytest.raises(WrongPresent):
        people.offer_factor(signed.token, "wrong")
    offer = people.offer_factor(signed.token, PASSWORD)
    again = people.give_code(people.sign_in("root", PASSWORD).token, code_at(secret, clock.us)).token
    renewed, _ = people.enrol_factor(signed.token, code_at(offer.secret, clock.us))
    assert [people.by_session(one) is not None for one in (elsewhere, again, signed.token, renewed.token)] == [
        False,
        False,
        False,
        True,
    ]
    clock.advance(STEP_S)
    with pytest.raises(WrongCode):
        people.give_code(people.sign_in("root", PASSWORD).token, code_at(secret, clock.us))
    people.give_code(people.sign_in("root", PASSWORD).token, code_at(offer.secret, clock.us))


def test_an_offer_is_over_after_a_while(people: People, clock: ManualClock) -> None:
    """And there is none before it was asked for."""
    entered = people.sign_in("guard", PASSWORD)
    with pytest.raises(Conflict):
        people.enrol_factor(entered.token, "123456")
    offer = people.offer_factor(entered.token, PASSWORD)
    assert people.offered_factor(entered.token) == offer
    clock.advance(16 * 60)
    with pytest.raises(Conflict):
        people.enrol_factor(entered.token, code_at(offer.secret, clock.us))


def test_an_offer_is_the_sessions_own(people: People, clock: ManualClock) -> None:
    """Who knows the password and signs in elsewhere neither confirms what the owner was shown, nor puts their own in its place."""
    owner, stranger = (people.sign_in("guard", PASSWORD).token for _ in range(2))
    offer = people.offer_factor(owner, PASSWORD)
    with pytest.raises(Conflict):
        people.enrol_factor(stranger, code_at(offer.secret, clock.us))
    with pytest.raises(Conflict):
        people.offered_factor(stranger)
    other = people.offer_factor(stranger, PASSWORD)
    assert people.offered_factor(owner) == offer
    with pytest.raises(WrongCode):
        people.enrol_factor(owner, code_at(other.secret, clock.us))
    renewed, _ = people.enrol_factor(owner, code_at(offer.secret, clock.us))
    assert people.by_session(renewed.token) is not None
    with pytest.raises(NotSignedIn):
        people.enrol_factor(stranger, code_at(other.secret, clock.us))


def test_what_was_offered_before_there_was_a_factor_is_over(
    people: People, clock: ManualClock, database: Database, seals: Seals
) -> None:
    """Whichever session it is in: nobody has shown the present one for it. (The session ends, too; here it does not.)"""
    secret, _, signed = enrol(people, clock, "guard")
    waits = people.sign_in("guard", PASSWORD).token
    table, early = schema.sessions, clock.us - 2 * STEP_S * SECOND
    with database.write() as connection:
        for row in connection.execute(select(table.c.id)).all():
            sealed = seals.seal(secret, row.id)
            connection.execute(update(table).where(table.c.id == row.id).values(offered=sealed, offered_at=early))
        connection.execute(update(table).where(table.c.stage == "code").values(stage="enrolment"))
    for token in (signed.token, waits):
        with pytest.raises(Conflict):
            people.enrol_factor(token, code_at(secret, clock.us))
    with pytest.raises(NotSignedIn):
        people.offer_factor(waits)


def test_who_has_the_password_alone_sets_up_nothing_over_the_owners(people: People, clock: ManualClock) -> None:
    """Not in a session that waits for the code, nor in one that was begun before there was a factor."""
    early = people.sign_in("root", PASSWORD)
    assert early.stage is Stage.ENROLMENT
    thiefs = people.offer_factor(early.token)
    secret, _, _ = enrol(people, clock)
    waiting = people.sign_in("root", PASSWORD).token
    for token in (early.token, waiting):
        for act in (
            lambda token=token: people.offer_factor(token, PASSWORD),
            lambda token=token: people.enrol_factor(token, code_at(thiefs.secret, clock.us)),
            lambda token=token: people.new_recovery_codes(token, PASSWORD),
            lambda token=token: people.drop_factor(token, PASSWORD),
        ):
            with pytest.raises(NotSignedIn):
                act()
    assert people.give_code(waiting, code_at(secret, clock.us)).stage is Stage.COMPLETE


DECIDING = {
    "another phone": lambda people, token, code: people.offer_factor(token, PASSWORD, code=code),
    "new recovery codes": lambda people, token, code: people.new_recovery_codes(token, PASSWORD, code=code),
    "without": lambda people, token, code: people.drop_factor(token, PASSWORD, code=code),
}


@pytest.mark.parametrize("what", DECIDING)
@pytest.mark.parametrize("by", ["phone", "paper"])
def test_who_decides_about_the_factor_shows_the_present_one(
    people: People, clock: ManualClock, what: str, by: str
) -> None:
    """An open page and the password are not enough; who has shown it a moment ago in this session is not asked again."""
    secret, codes, signed = enrol(people, clock, "guard")
    clock.advance(FACTOR_FRESH_FOR / SECOND)
    assert people.needs_code(signed.token)
    with pytest.raises(FactorWanted):
        DECIDING[what](people, signed.token, "")
    with pytest.raises(WrongCode):
        DECIDING[what](people, signed.token, "000000")
    with pytest.raises(WrongPresent):
        people.offer_factor(signed.token, "wrong", code=code_at(secret, clock.us))
    right = code_at(secret, clock.us) if by == "phone" else codes[0]
    if what != "without":
        people.offer_factor(signed.token, PASSWORD, code=right)
        assert not people.needs_code(signed.token)
        right = ""
    DECIDING[what](people, signed.token, right)


def test_a_phone_lost_is_replaced_with_one_recovery_code(people: People, clock: ManualClock) -> None:
    """The one that they sign in with, be it the last."""
    _, codes, _ = enrol(people, clock)
    signed = people.give_code(people.sign_in("root", PASSWORD).token, codes[0])
    offer = people.offer_factor(signed.token, PASSWORD)
    people.enrol_factor(signed.token, code_at(offer.secret, clock.us))


def test_who_must_have_one_keeps_it(people: People, clock: ManualClock) -> None:
    """Who need not may do without again."""
    _, _, root = enrol(people, clock)
    with pytest.raises(Conflict):
        people.drop_factor(root.token, PASSWORD)
    _, _, guard = enrol(people, clock, "guard")
    assert people.sign_in("guard", PASSWORD).stage is Stage.CODE
    people.drop_factor(guard.token, PASSWORD)
    assert people.sign_in("guard", PASSWORD).stage is Stage.COMPLETE


def test_a_lost_phone_is_reset_by_somebody_else(people: People, clock: ManualClock) -> None:
    """Their sessions end, their recovery codes are gone, and who must have one sets up another."""
    _, codes, signed = enrol(people, clock)
    people.reset_factor("root", by="p1")
    assert people.by_session(signed.token) is None
    assert people.factors.state(people.get("root").id).recovery_codes == 0
    entered = people.sign_in("root", PASSWORD)
    assert entered.stage is Stage.ENROLMENT
    with pytest.raises(NotSignedIn):
        people.give_code(entered.token, codes[0])


def test_a_password_that_another_made_comes_after_the_phone(people: People, clock: ManualClock) -> None:
    """All that is wanted is asked for, one after the other."""
    secret, _, _ = enrol(people, clock)
    made = people.reset_password("root", one_time=True)
    entered = people.sign_in("root", made)
    assert entered.stage is Stage.CODE
    with pytest.raises(NotSignedIn):
        people.change_password(entered.token, made, "amber lighthouse 7 fig")
    entered = people.give_code(entered.token, code_at(secret, clock.us))
    assert entered.stage is Stage.PASSWORD
    signed = people.change_password(entered.token, made, "amber lighthouse 7 fig")
    assert signed.stage is Stage.COMPLETE


def test_the_secret_is_sealed(people: People, clock: ManualClock, database: Database, seals: Seals) -> None:
    """The database does not give it away; another's row does not open; the key's file is for its owner alone."""
    secret, _, _ = enrol(people, clock)
    enrol(people, clock, "guard")
    table = schema.second_factors
    with database.read() as connection:
        kept = {row.user_id: row.secret for row in connection.execute(select(table))}
    assert secret not in str(kept)
    assert seals.file.stat().st_mode & 0o777 == 0o600
    root, guard = people.get("root").id, people.get("guard").id
    assert seals.open(kept[root], root) == secret
    with pytest.raises(NotSealedHere):
        seals.open(kept[guard], root)
    with database.write() as connection:
        connection.execute(update(table).where(table.c.user_id == root).values(secret=kept[guard]))
    with pytest.raises(WrongCode):
        people.give_code(people.sign_in("root", PASSWORD).token, code_at(secret, clock.us))


def test_another_data_folder_opens_nothing_but_recovery_codes(
    people: People, clock: ManualClock, database: Database, tmp_path: Path
) -> None:
    """A database restored without its secrets: who kept their codes gets in."""
    secret, codes, _ = enrol(people, clock)
    other = People(database, clock, SignInPolicy(second_factor=True), Seals(tmp_path / "other"))
    with pytest.raises(WrongCode):
        other.give_code(other.sign_in("root", PASSWORD).token, code_at(secret, clock.us))
    other.give_code(other.sign_in("root", PASSWORD).token, codes[0])


def test_keys_are_rotated(people: People, clock: ManualClock, database: Database, seals: Seals) -> None:
    """Everything is sealed with the new one, and the old one is forgotten; what was half done before is done now."""
    secret, _, _ = enrol(people, clock)
    people.offer_factor(people.sign_in("guard", PASSWORD).token, PASSWORD)
    with database.write() as connection:
        connection.execute(
            insert(schema.idempotency_keys).values(
                person_id="p1",
                key_hash="k",
                request_hash="r",
                created_at=0,
                held_until=0,
                answer=seals.seal("200", "p1").encode(),
            )
        )
    before = seals.file.read_text()
    seals.renew()  # a rotation that was cut off
    assert seal_everything_anew(database, clock, seals, by="cli:root") == 3
    after = seals.file.read_text()
    assert len(after.split()) == 1
    assert not set(after.split()) & set(before.split())
    people.give_code(people.sign_in("root", PASSWORD).token, code_at(secret, clock.us))
    with database.read() as connection:
        answer = connection.execute(select(schema.idempotency_keys.c.answer)).scalar_one()
    assert seals.open(bytes(answer).decode(), "p1") == "200"


def test_every_module_that_seals_has_its_columns_in_the_list() -> None:
    """A secret that a rotation does not know would be shut for good."""
    sealing = {
        file.stem
        for file in Path(resealing.__file__).parent.glob("*.py")
        if "linli.sealing" in file.read_text(encoding="utf-8")
    }
    assert sealing == {"resealing", "door", "secondfactors", "webhooks", "idempotency"}, "look at SEALED"
    assert {column.table.name for column in SEALED} == {"second_factors", "sessions", "webhooks", "idempotency_keys"}
