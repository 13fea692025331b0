"""What settings say of signing in; and what a code, a sealed secret and a browser's name are made of."""

from pathlib import Path

import pytest

from api.accounts.browsers import browser_words
from linli.clock import DAY, HOUR, MINUTE
from linli.errors import ConfigError
from linli.model import Role
from linli.sealing import NotSealedHere, Seals
from linli.secondfactor import make_recovery_codes, tidy_recovery
from linli.settings import load_settings
from linli.signin import Lifetime, is_privileged, roles_by_value


@pytest.mark.parametrize(
    ("host", "said", "demanded"),
    [
        ("127.0.0.1", "auto", False),
        ("::1", "auto", False),
        ("localhost", "auto", False),
        ("0.0.0.0", "auto", True),
        ("192.0.2.7", "auto", True),
        ("linli.example", "auto", True),
        ("127.0.0.1", "required", True),
        ("0.0.0.0", "optional", False),
    ],
)
def test_who_must_have_a_second_factor(host: str, said: str, demanded: bool) -> None:
    """Administrators of an installation that others can reach; a trial on one machine stays two commands."""
    policy = load_settings(host=host, second_factor=said).sign_in_policy
    assert policy.demands_factor(Role.ADMINISTRATOR) is demanded
    assert not any(policy.demands_factor(role) for role in Role if role is not Role.ADMINISTRATOR)


def test_lifetimes_come_from_settings() -> None:
    """In the units that their names say."""
    given = {"session_days": 2, "session_idle_hours": 3, "admin_session_hours": 4, "admin_idle_minutes": 5}
    policy = load_settings(**given).sign_in_policy
    assert policy.lifetime(Role.SECURITY) == Lifetime(2 * DAY, 3 * HOUR)
    assert policy.lifetime(Role.ADMINISTRATOR) == Lifetime(4 * HOUR, 5 * MINUTE)
    assert [role for role in Role if is_privileged(role)] == [Role.ADMINISTRATOR]


def test_roles_by_value() -> None:
    """In their order; a value may hold an equals sign; a role that there is not is refused at the start."""
    assert roles_by_value("") == ()
    assert roles_by_value("ou=a=administrator, guards=security") == (
        ("ou=a", Role.ADMINISTRATOR),
        ("guards", Role.SECURITY),
    )
    for wrong in ("guards", "=security", "guards=boss"):
        with pytest.raises(ConfigError, match="VALUE=ROLE"):
            load_settings(oidc_roles=wrong)


def test_recovery_codes_are_read_off_paper() -> None:
    """However they are typed, without letters that look alike, none twice."""
    codes = make_recovery_codes()
    assert len(set(codes)) == 10
    assert not set("".join(codes)) & set("01ilo")
    code = codes[0]
    assert tidy_recovery(f" {code.upper()}") == tidy_recovery(code.replace("-", " ")) == code.replace("-", "")


def test_a_seal_is_broken_by_one_letter(tmp_path: Path) -> None:
    """And opens for nobody else, in no other folder, and after no rotation that it was left out of."""
    seals = Seals(tmp_path / "secrets")
    sealed = seals.seal("密 secret", "p1")
    assert seals.open(sealed, "p1") == "密 secret"
    assert seals.seal("密 secret", "p1") != sealed
    broken = sealed[:-9] + ("A" if sealed[-9] != "A" else "B") + sealed[-8:]
    for keys, text, whose in (
        (seals, broken, "p1"),
        (seals, sealed, "p2"),
        (seals, "", "p1"),
        (Seals(tmp_path / "other"), sealed, "p1"),
    ):
        with pytest.raises(NotSealedHere):
            keys.open(text, whose)
    seals.renew()
    assert not seals.is_newest(sealed)
    again = seals.anew(sealed)
    assert seals.is_newest(again)
    assert seals.open(sealed, "p1") == seals.open(again, "p1")
    seals.forget_old()
    assert seals.open(again, "p1") == "密 secret"
    with pytest.raises(NotSealedHere):
        seals.open(sealed, "p1")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36", "Chrome · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1) Version/18.1 Mobile Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/116.0 MicroMessenger/8.0", "WeChat · Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox · Linux"),
        ("python-httpx/0.28", "a Python script"),
        ("curl/8.11", "curl"),
        ("<img onerror>", "an unknown browser"),
        ("", "an unknown browser"),
    ],
)
def test_a_browser_is_named_in_words(agent: str, words: str) -> None:
    """So that somebody recognises their own."""
    assert browser_words(agent).en == words
