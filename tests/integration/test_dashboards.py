"""Publishing to a Grafana (its HTTP API, played by a server of ours), and the dashboard's queries on a real InfluxDB."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from typer.testing import CliRunner

from dashboards.board import FOLDER_TITLE, FOLDER_UID, dashboard, dashboards
from dashboards.panels import DATASOURCE_UID, EVENTS_UID, Dashboard
from dashboards.publish import Outcome, connect, datasource, datasources, publish
from linli.adapters.influx_http import InfluxConfig
from linli.adapters.influx_store import InfluxStore
from linli.cli.dashboards import app
from linli.clock import SECOND, SystemClock
from linli.errors import ConfigError, GrafanaError, LinliError
from linli.i18n import Language
from linli.model import DEVICE_HEARTBEAT_TYPE, HEARTBEAT_TYPE, READINGS_TYPE, Lane, Message, Reading, Received
from linli.settings import Settings, load_settings
from tests.contract import influxd
from tests.integration.grafana import Grafana, serving
from tests.support import free_port

pytestmark = pytest.mark.integration

INFLUX = "http://127.0.0.1:8086"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file of whoever runs the tests, no proxy between us and loopback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    served = Grafana()
    with serving(served):
        yield served


def settings(grafana: Grafana, **more: Any) -> Settings:
    return load_settings(**{"grafana_url": grafana.url, "grafana_token": grafana.token, "influx_url": INFLUX} | more)


def published(grafana: Grafana, boards: list[Dashboard] | None = None, **more: Any) -> list[str]:
    """The outcome of folder, data source and each dashboard."""
    chosen = settings(grafana, **more)
    done = publish(connect(chosen), datasources(chosen), dashboards() if boards is None else boards)
    return [one.outcome.value for one in done]


def test_the_first_time_all_is_made(grafana: Grafana) -> None:
    """The folder, the data source, the dashboard in both languages, in the folder and on the data source."""
    assert published(grafana) == ["created"] * 5
    assert grafana.folders[FOLDER_UID]["title"] == FOLDER_TITLE
    assert grafana.sources[DATASOURCE_UID]["url"] == INFLUX
    assert grafana.boards.keys() == {"linli-zh", "linli-en"}
    for board in grafana.boards.values():
        assert board["meta"]["folderUid"] == FOLDER_UID
        assert board["dashboard"]["panels"][0]["datasource"]["uid"] in grafana.sources


def test_again_changes_nothing(grafana: Grafana) -> None:
    """No new version of a dashboard that is as it should be. The data source is written: its secrets cannot be read."""
    published(grafana)
    boards = json.dumps(grafana.boards)
    grafana.writes.clear()
    assert published(grafana) == ["unchanged", "updated", "updated", "unchanged", "unchanged"]
    assert grafana.writes == [f"PUT /api/datasources/uid/{uid}" for uid in (DATASOURCE_UID, EVENTS_UID)]
    assert json.dumps(grafana.boards) == boards


def test_what_somebody_changed_is_put_right(grafana: Grafana) -> None:
    """The folder renamed, a panel removed, the dashboard moved to another folder."""
    published(grafana)
    grafana.folders[FOLDER_UID]["title"] = "Mine"
    grafana.boards["linli-zh"]["dashboard"]["panels"].pop()
    grafana.boards["linli-en"]["meta"]["folderUid"] = "other"
    assert published(grafana) == ["updated"] * 5
    assert grafana.folders[FOLDER_UID]["title"] == FOLDER_TITLE
    assert len(grafana.boards["linli-zh"]["dashboard"]["panels"]) == 10
    assert grafana.boards["linli-en"]["meta"]["folderUid"] == FOLDER_UID


def test_a_new_version_of_ours_is_published(grafana: Grafana) -> None:
    """Only the one that changed."""
    published(grafana)
    changed = [replace(board, title=board.title + "!") if board.uid == "linli-en" else board for board in dashboards()]
    assert published(grafana, changed) == ["unchanged", "updated", "updated", "unchanged", "updated"]
    assert grafana.boards["linli-en"]["dashboard"]["version"] == 2


def test_under_a_path(tmp_path: Path) -> None:
    """Grafana behind a reverse proxy, with a slash at the end or not."""
    served = Grafana()
    served.prefix = "/monitor/grafana"
    with serving(served):
        assert published(served) == ["created"] * 5
        assert published(served, grafana_url=served.url + "/")[0] == "unchanged"


# --- the data source ------------------------------------------------------------------------------------------------


def test_influxdb_with_a_token(grafana: Grafana) -> None:
    """2.x and 3: InfluxQL with the token in a header, as Grafana's page on InfluxDB has it; the secret is one."""
    source: Any = datasource(settings(grafana, influx_token="tok", influx_bucket="b"))
    assert source["jsonData"] == {"dbName": "b", "httpMode": "POST", "httpHeaderName1": "Authorization"}
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token tok"}
    assert source["user"] == ""


def test_influxdb_with_a_user(grafana: Grafana) -> None:
    """1.x with sign-in: user and password."""
    source: Any = datasource(settings(grafana, influx_username="u", influx_token="p"))
    assert source["user"] == "u"
    assert source["secureJsonData"] == {"password": "p"}
    assert "httpHeaderName1" not in source["jsonData"]


def test_influxdb_without_sign_in(grafana: Grafana) -> None:
    """1.x as Debian has it."""
    source: Any = datasource(settings(grafana))
    assert source["secureJsonData"] == {}
    assert (source["type"], source["access"], source["database"]) == ("influxdb", "proxy", "linli")


def test_grafana_may_reach_influxdb_by_another_address(grafana: Grafana) -> None:
    """As from within a container."""
    assert datasource(settings(grafana), "http://influxdb:8086")["url"] == "http://influxdb:8086"


# --- errors in words ------------------------------------------------------------------------------------------------


def error(grafana: Grafana, **more: Any) -> LinliError:
    with pytest.raises(LinliError) as caught:
        published(grafana, **more)
    assert caught.value.text.zh != caught.value.text.en
    return caught.value


def test_a_wrong_token(grafana: Grafana) -> None:
    """401: which setting to look at; the token itself is not shown."""
    told = error(grafana, grafana_token="glsa_wrong")
    assert isinstance(told, GrafanaError)
    assert told.status == 401
    assert "grafana_token" in told.text.en
    assert "glsa_wrong" not in told.text.en + told.text.zh


@pytest.mark.parametrize(
    ("status", "said", "word"),
    [
        (403, {"message": "You'll need additional permissions: datasources:create"}, "Admin"),
        (409, {"message": "data source with the same name already exists"}, "rename"),
        (412, {"message": "version-mismatch"}, "version-mismatch"),
        (400, {"message": "bad request data"}, "bad request data"),
        (500, {"message": "internal"}, "internal"),
        (502, b"<html>bad gateway</html>", "502"),
        (400, ["odd"], "odd"),
    ],
)
def test_what_grafana_refuses_is_told(status: int, said: object, word: str, grafana: Grafana) -> None:
    """With its status, and what to do where that is known."""
    grafana.always = (status, said)
    told = error(grafana)
    assert isinstance(told, GrafanaError)
    assert told.status == status
    assert word in told.text.en


@pytest.mark.parametrize("said", [b"<html>hello</html>", b"", b"[]", b"null", b"1"])
def test_an_address_that_is_not_grafanas(said: bytes, grafana: Grafana) -> None:
    """Something answers 200, but not with what Grafana would say."""
    grafana.always = (200, said)
    told = error(grafana)
    assert isinstance(told, GrafanaError)
    assert "grafana_url" in told.text.en


def test_nobody_answers(grafana: Grafana) -> None:
    """Refused connections and names that do not exist."""
    for url in (f"http://127.0.0.1:{free_port()}", "http://nowhere.invalid:3000"):
        told = error(grafana, grafana_url=url)
        assert isinstance(told, GrafanaError)
        assert told.status is None
        assert url in told.text.en


@pytest.mark.parametrize("url", ["grafana:3000", "ftp://grafana", "http://", "http://g:port", "//g", "http://[::1"])
def test_an_address_that_is_none(url: str, grafana: Grafana) -> None:
    """Told before anything is asked."""
    assert isinstance(error(grafana, grafana_url=url), ConfigError)


def test_missing_settings(grafana: Grafana) -> None:
    """Each names the setting and what to put there."""
    assert "LINLI_GRAFANA_URL" in _config_error(load_settings()).en
    assert "LINLI_GRAFANA_TOKEN" in _config_error(load_settings(grafana_url=grafana.url)).en
    with pytest.raises(ConfigError, match="LINLI_INFLUX_URL"):
        datasource(load_settings())


def _config_error(chosen: Settings) -> Any:
    with pytest.raises(ConfigError) as caught:
        connect(chosen)
    return caught.value.text


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_says_what_it_did(grafana: Grafana, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each thing, with the address where a person finds it."""
    monkeypatch.setenv("LINLI_GRAFANA_TOKEN", grafana.token)
    monkeypatch.setenv("LINLI_INFLUX_URL", INFLUX)
    done = CliRunner().invoke(app, ["publish", "--url", grafana.url])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("created: ") for line in lines)
    assert lines[4].endswith(f"{grafana.url}/d/linli-en/x")
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    again = CliRunner().invoke(app, ["publish", "--url", grafana.url, "--influx-url", "http://influxdb:8086"])
    assert again.output.startswith("无变化: 文件夹")
    assert grafana.sources[DATASOURCE_UID]["url"] == "http://influxdb:8086"


def test_the_command_passes_errors_on(grafana: Grafana) -> None:
    """`linli` itself tells them, without a traceback."""
    assert isinstance(CliRunner().invoke(app, ["publish"]).exception, ConfigError)


def test_show_prints_json() -> None:
    """To import by hand, in the language asked for or the terminal's."""
    shown = json.loads(CliRunner().invoke(app, ["show", "--language", "zh"]).output)
    assert shown == dashboard(Language.ZH).to_json()
    assert json.loads(CliRunner().invoke(app, ["show"]).output)["uid"] == "linli-en"


# --- the queries ----------------------------------------------------------------------------------------------------


def _message(now: int, number: int, **fields: Any) -> Received:
    base = Message("c001", "gw-c001", "b1", Lane.BULK, number, 1, "x.y", "c001-door-01", now, now)
    return Received(replace(base, **fields), now)


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[str]:
    """An InfluxDB that holds a minute of readings, events and heartbeats, as ingest writes them."""
    with influxd.running(tmp_path) as url:
        config = InfluxConfig(url=url, bucket="linli")
        store = InfluxStore(config, SystemClock())
        now = SystemClock().now()
        batch = [
            _message(now - 5 * SECOND, 1, type="access.door.forced", lane=Lane.URGENT, data={"lock": "bolted"}),
            _message(now - 4 * SECOND, 2, type=HEARTBEAT_TYPE, subject="gw-c001"),
            _message(now - 3 * SECOND, 3, type=DEVICE_HEARTBEAT_TYPE),
            *(
                _message(
                    now,
                    10 + second,
                    type=READINGS_TYPE,
                    subject="gw-c001",
                    readings=(
                        Reading("c001-cable-01", "temperature", now - second * SECOND, 40.0 + second, "Cel"),
                        Reading("c001-door-01", "open", now - second * SECOND, 1.0),
                    ),
                )
                for second in range(30)
            ),
        ]
        store.write(batch, {})
        yield url
        store.close()


def test_every_query_is_answered_by_a_real_influxdb(influx: str) -> None:
    """With what Grafana fills in; each gives rows, and the numbers are those that were written."""
    databases = {
        str(source["uid"]): str(source["database"]) for source in datasources(load_settings(influx_url=influx))
    }
    with urllib3.PoolManager() as pool:

        def ask(query: str, uid: str = DATASOURCE_UID) -> list[dict[str, Any]]:
            filled = query.replace("$timeFilter", "time >= now() - 10m").replace("$community", "c001")
            for name in ("device", "quantity"):
                filled = filled.replace(f"${name}", ".*")
            filled = filled.replace("$__interval_ms", "10000").replace("$__interval", "10s")
            assert not re.search(r"\$\w", filled)
            answer = pool.request("POST", f"{influx}/query", fields={"db": databases[uid], "q": filled}).json()
            (result,) = answer["results"]
            assert "error" not in answer
            assert "error" not in result, (filled, result)
            assert result.get("series"), filled
            series: list[dict[str, Any]] = result["series"]
            return series

        model: Any = dashboard(Language.EN).to_json()
        panels = {p["title"]: [ask(t["query"], t["datasource"]["uid"]) for t in p["targets"]] for p in model["panels"]}
        choices = {v["name"]: [row[1] for row in ask(v["query"])[0]["values"]] for v in model["templating"]["list"]}
    assert choices == {
        "community": ["c001"],
        "device": ["c001-cable-01", "c001-door-01"],
        "quantity": ["open", "temperature"],
    }
    numbers = [answers[0][0]["values"][0][1] for answers in list(panels.values())[:4]]
    assert numbers == [2, 1, 60, 1]
    latest = {series["tags"]["device"]: series["values"][0][1] for series in panels["Latest readings"][0]}
    assert latest == {"c001-cable-01": 40.0, "c001-door-01": 1.0}
    assert {series["tags"]["type"] for series in panels["Events by type"][0]} == {"access.door.forced"}
    assert [row[1:] for row in panels["Latest events"][0][0]["values"]] == [
        ["c001-door-01", "access.door.forced", '{"lock":"bolted"}']
    ]
    assert {series["tags"]["device"] for series in panels["Gateway heartbeats a minute"][0]} == {"gw-c001"}
    readings_a_second = [row[1] for row in panels["Stored a second"][0][0]["values"]]
    assert sum(readings_a_second) == pytest.approx(6.0)


def test_outcomes_are_words() -> None:
    """The enum is what the command's table of words is keyed by."""
    assert [outcome.value for outcome in Outcome] == ["created", "updated", "unchanged"]
