"""The dashboard as code: a model that Grafana can load, whatever language it is in."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from dashboards.board import dashboard, dashboards
from dashboards.panels import DATASOURCE_UID, EVENTS_UID, GRID_WIDTH, Dashboard, Panel, Query, Variable
from linli.i18n import Language

VARIABLES = ("community", "device", "quantity")


@pytest.fixture(params=list(Language))
def model(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(dashboard(request.param).to_json()))
    return found


def test_ids_are_left_to_grafana_and_uids_are_ours(model: dict[str, Any]) -> None:
    """By the uid it is found again; an id or version of ours would be somebody else's dashboard."""
    assert model["uid"].startswith("linli-")
    assert len(model["uid"]) <= 40
    assert not {"id", "version"} & model.keys()
    assert len({board.uid for board in dashboards()}) == len(Language)


def test_panels_have_numbers_and_do_not_overlap(model: dict[str, Any]) -> None:
    """Grafana moves panels that lie on each other, each browser in its own way."""
    panels = model["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert len({panel["title"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= GRID_WIDTH for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_every_query_uses_what_is_defined(model: dict[str, Any]) -> None:
    """Our variables, Grafana's own, and our data source; and only what lies in the chosen time is asked for."""
    known = {*VARIABLES, "timeFilter", "__interval", "__interval_ms"}
    targets = [target for panel in model["panels"] for target in panel["targets"]]
    assert len(targets) >= len(model["panels"]) == 10
    for target in targets:
        assert set(re.findall(r"\$(\w+)", target["query"])) <= known
        assert "$timeFilter" in target["query"]
        assert "$community" in target["query"]
        uid = EVENTS_UID if 'FROM "events"' in target["query"] else DATASOURCE_UID
        assert target["datasource"] == {"type": "influxdb", "uid": uid}
        assert target["rawQuery"] is True
    for panel in model["panels"]:
        uids = {target["datasource"]["uid"] for target in panel["targets"]}
        assert panel["datasource"]["uid"] == (uids.pop() if len(uids) == 1 else "-- Mixed --")


def test_choices_narrow_each_other(model: dict[str, Any]) -> None:
    """Devices of the chosen compound, quantities of the chosen devices; all of them unless somebody chooses."""
    community, device, quantity = model["templating"]["list"]
    assert (community["name"], device["name"], quantity["name"]) == VARIABLES
    assert "$" not in community["query"]
    assert set(re.findall(r"\$(\w+)", device["query"])) == {"community"}
    assert set(re.findall(r"\$(\w+)", quantity["query"])) == {"community", "device"}
    assert not community["includeAll"]
    assert device["includeAll"]
    assert device["allValue"] == ".*"


def test_both_languages_are_one_dashboard() -> None:
    """The same panels and queries; other titles; each links to the other and keeps what was chosen."""
    chinese, english = (
        json.loads(json.dumps(dashboard(language).to_json())) for language in (Language.ZH, Language.EN)
    )

    def shape(model: Any) -> list[object]:
        return [
            (panel["type"], panel["gridPos"], [target["query"] for target in panel["targets"]])
            for panel in model["panels"]
        ]

    def words(model: Any) -> list[str]:
        panels = [panel["title"] for panel in model["panels"]]
        return [model["title"], *panels, *(variable["label"] for variable in model["templating"]["list"])]

    assert shape(chinese) == shape(english)
    assert all(re.search("[\u4e00-\u9fff]", title) for title in words(chinese))
    assert not any(re.search("[\u4e00-\u9fff]", title) for title in words(english))
    for model, other in ((chinese, "linli-en"), (english, "linli-zh")):
        (link,) = model["links"]
        assert (link["url"], link["includeVars"], link["keepTime"]) == (f"/d/{other}", True, True)


def test_panels_wrap_at_the_grids_width() -> None:
    """Left to right, and below the highest of the row before."""
    small = [
        Panel("stat", str(number), [Query("q")], width=8, height=height) for number, height in enumerate((4, 6, 4))
    ]
    wide = Panel("table", "wide", [Query("a", format="table"), Query("b")], width=24)
    board: Any = Dashboard("u", "t", "", [*small, wide], [Variable("v", "V", "q", many=False)]).to_json()
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert places == [(0, 0), (8, 0), (16, 0), (0, 6)]
    assert [target["refId"] for target in board["panels"][3]["targets"]] == ["A", "B"]
