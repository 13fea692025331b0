"""Every word of the model has a name in both languages."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pytest

from api import words
from api.http import problems
from api.http.problems import KINDS, Kind, kind_of
from api.views import FacilityStatus
from linli import errors
from linli.commands.life import CommandState
from linli.i18n import Text
from linli.model import Condition, Handling, Severity


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (words.SEVERITIES, Severity),
        (words.CONDITIONS, Condition),
        (words.HANDLINGS, Handling),
        (words.FACILITY_STATES, FacilityStatus),
        (words.COMMAND_STATES, CommandState),
    ],
)
def test_none_is_missing(names: Mapping[StrEnum, Text], kinds: type[StrEnum]) -> None:
    """Chinese and English, and not the same."""
    assert names.keys() == set(kinds)
    assert all(text.zh and text.en and text.zh != text.en for text in names.values())


def test_problem_kinds_are_stable_and_distinct() -> None:
    """Each error has one type and status; scripts rely on them."""
    names = {kind.name: kind.status for kind in KINDS.values()}
    assert names == {
        "not-signed-in": 401,
        "not-allowed": 403,
        "not-found": 404,
        "conflict": 409,
        "precondition-failed": 412,
        "precondition-required": 428,
        "invalid-request": 422,
        "unknown-parameter": 422,
        "not-json": 415,
        "too-many": 429,
        "rules-not-answering": 503,
        "broker": 503,
        "store": 503,
    }


def test_a_subclass_goes_by_its_nearest_base() -> None:
    """And an error that no request should meet is an internal one."""
    assert kind_of(errors.StoreUnavailable(Text("", ""))).name == "store"
    assert kind_of(errors.MalformedMessage("x", "y")).name == "invalid-request"
    assert kind_of(errors.BrokerError(Text("", ""))).name == "internal"


@pytest.mark.parametrize("name", ["api.md", "api.zh-CN.md"])
def test_every_problem_is_documented_with_its_status(name: str) -> None:
    """In the table of the page, and nothing else is there."""
    page = (Path(__file__).parents[3] / "docs" / name).read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \| (\d{3}) \|$", page, re.MULTILINE)
    told = {one.split(" ")[0].partition("（")[0]: int(status) for names, status in rows for one in names.split(", ")}
    kinds = [*KINDS.values(), *(value for value in vars(problems).values() if isinstance(value, Kind))]
    assert told == {kind.name: kind.status for kind in kinds}
