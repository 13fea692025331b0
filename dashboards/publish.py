"""Publish the dashboards to a Grafana: its folder, its data source and each dashboard, through grafana-api.

Each thing is found by its uid and made, changed or left as it is, so publishing twice leaves what publishing once did.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, urlsplit

from grafana_api.grafana_api import GrafanaClientError, GrafanaException
from grafana_api.grafana_face import GrafanaFace
from requests.exceptions import InvalidJSONError, RequestException

from dashboards.board import FOLDER_TITLE, FOLDER_UID
from dashboards.panels import DATASOURCE_UID, EVENTS_UID, Dashboard, Json
from linli.errors import ConfigError, GrafanaError
from linli.i18n import Text
from linli.settings import Settings

DATASOURCE_NAME = "Linli InfluxDB"
EVENTS_SUFFIX = "_events"
"""Of the database that events lie in (`linli.adapters.influx_buckets`), of its data source's uid and name alike."""


class Outcome(StrEnum):
    """What publishing did to one thing."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Published:
    """One thing as it now is in Grafana; `url` is where a person finds it ('' where there is no page)."""

    what: Text
    outcome: Outcome
    url: str = ""


def connect(settings: Settings) -> GrafanaFace:
    """A client of the Grafana that the settings name. Does no I/O; ConfigError says which setting is missing or wrong."""
    if settings.grafana_url is None:
        raise ConfigError(
            Text(
                "没有设置 grafana_url（LINLI_GRAFANA_URL）：请写上 Grafana 的地址，例如 http://127.0.0.1:3000",
                "grafana_url (LINLI_GRAFANA_URL) is not set: give Grafana's address, such as http://127.0.0.1:3000",
            )
        )
    if settings.grafana_token is None:
        raise ConfigError(
            Text(
                "没有设置 grafana_token（LINLI_GRAFANA_TOKEN）：在 Grafana 中新建管理员角色的服务账号，填写它的令牌",
                "grafana_token (LINLI_GRAFANA_TOKEN) is not set: make a service account with the role Admin in Grafana "
                "and give its token",
            )
        )
    address = _address(settings.grafana_url)
    prefix = address.path.strip("/")
    return GrafanaFace(
        settings.grafana_token.get_secret_value(),
        host=f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname,
        port=address.port,
        url_path_prefix=f"{prefix}/" if prefix else "",
        protocol=address.scheme,
        timeout=10.0,
    )


def datasource(settings: Settings, influx_url: str | None = None) -> Json:
    """Grafana's data source for readings in the InfluxDB of these settings, asked in InfluxQL, with its secrets.

    `influx_url` is the InfluxDB's address as Grafana reaches it, where that is another than the one Linli uses.
    ConfigError if these settings keep readings in SQLite, which Grafana cannot ask.
    """
    url = influx_url or settings.influx_url
    if url is None:
        raise ConfigError(
            Text(
                "没有设置 influx_url（LINLI_INFLUX_URL）：读数保存在 SQLite 中，Grafana 无法查询；"
                "请先让 Linli 使用 InfluxDB",
                "influx_url (LINLI_INFLUX_URL) is not set: readings are kept in SQLite, which Grafana cannot ask; "
                "let Linli use an InfluxDB first",
            )
        )
    token = settings.influx_token.get_secret_value() if settings.influx_token else None
    options: Json = {"dbName": settings.influx_bucket, "httpMode": "POST"}
    secrets: Json = {}
    if settings.influx_username is not None:
        secrets["password"] = token or ""
    elif token is not None:
        options["httpHeaderName1"] = "Authorization"
        secrets["httpHeaderValue1"] = f"Token {token}"
    return {
        "uid": DATASOURCE_UID,
        "name": DATASOURCE_NAME,
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "user": settings.influx_username or "",
        "database": settings.influx_bucket,
        "basicAuth": False,
        "isDefault": False,
        "jsonData": options,
        "secureJsonData": secrets,
    }


def datasources(settings: Settings, influx_url: str | None = None) -> list[Json]:
    """One for readings and one for events, which lie in databases of their own. Errors as for `datasource`."""
    readings = datasource(settings, influx_url)
    database = settings.influx_bucket + EVENTS_SUFFIX
    options = readings["jsonData"]
    events = readings | {"uid": EVENTS_UID, "name": f"{DATASOURCE_NAME} events", "database": database}
    return [readings, events | {"jsonData": (options if isinstance(options, dict) else {}) | {"dbName": database}}]


def publish(grafana: GrafanaFace, sources: Iterable[Json], dashboards: Iterable[Dashboard]) -> list[Published]:
    """Publish folder, data sources and dashboards, in this order; GrafanaError says what Grafana did not take, and why."""
    with _in_words(grafana.api.url):
        done = [_publish_folder(grafana), *(_publish_datasource(grafana, source) for source in sources)]
        done.extend(_publish_dashboard(grafana, board.to_json()) for board in dashboards)
        return done


def _publish_folder(grafana: GrafanaFace) -> Published:
    what = Text(f"文件夹 {FOLDER_TITLE}", f"folder {FOLDER_TITLE}")
    there = _found(lambda: grafana.folder.get_folder(FOLDER_UID))
    if there is None:
        made = grafana.folder.create_folder(FOLDER_TITLE, uid=FOLDER_UID)
        return Published(what, Outcome.CREATED, made.get("url", ""))
    if there.get("title") == FOLDER_TITLE:
        return Published(what, Outcome.UNCHANGED, there.get("url", ""))
    changed = grafana.folder.update_folder(FOLDER_UID, FOLDER_TITLE, overwrite=True)
    return Published(what, Outcome.UPDATED, changed.get("url", ""))


def _publish_datasource(grafana: GrafanaFace, source: Json) -> Published:
    """Always written when it is there: Grafana does not tell secrets, so whether they differ cannot be seen."""
    what = Text(f"数据源 {source['name']}", f"data source {source['name']}")
    # By uid: grafana-api 1.0.3 only knows the numeric id, which Grafana has deprecated since 9.0.
    path = f"/datasources/uid/{source['uid']}"
    if _found(lambda: grafana.api.GET(path)) is None:
        grafana.datasource.create_datasource(source)
        return Published(what, Outcome.CREATED)
    grafana.api.PUT(path, json=source)
    return Published(what, Outcome.UPDATED)


def _publish_dashboard(grafana: GrafanaFace, model: Json) -> Published:
    what = Text(f"仪表板 {model['title']}", f"dashboard {model['title']}")
    there = _found(lambda: grafana.dashboard.get_dashboard(model["uid"]))
    if there is not None and _same(there, model):
        return Published(what, Outcome.UNCHANGED, there["meta"].get("url", ""))
    answer = grafana.dashboard.update_dashboard(
        {"dashboard": model, "folderUid": FOLDER_UID, "overwrite": True, "message": "linli dashboards publish"}
    )
    return Published(what, Outcome.CREATED if there is None else Outcome.UPDATED, answer.get("url", ""))


def _same(there: dict[str, Any], model: Json) -> bool:
    """Whether Grafana has all that `model` says, in the right folder. What Grafana added (id, version) does not count."""
    board = there.get("dashboard", {})
    in_folder = there.get("meta", {}).get("folderUid") == FOLDER_UID
    return in_folder and all(board.get(name) == value for name, value in model.items())


def _found(ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return ask()
    except GrafanaClientError as error:
        if error.status_code == 404:
            return None
        raise


def _address(url: str) -> SplitResult:
    try:
        address = urlsplit(url)
        _ = address.port
    except ValueError:
        address = urlsplit("")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigError(
            Text(
                f"grafana_url 的值 {url!r} 不是 http:// 或 https:// 开头的地址",
                f"grafana_url {url!r} is not an address that begins with http:// or https://",
            )
        )
    return address


@contextmanager
def _in_words(url: str) -> Iterator[None]:
    """Turn what grafana-api and requests raise into a GrafanaError that says what to do."""
    try:
        yield
    except GrafanaException as error:
        raise GrafanaError(_refusal(url, error), status=error.status_code) from None
    except (InvalidJSONError, KeyError, TypeError, AttributeError):
        raise GrafanaError(
            Text(
                f"{url} 有应答，但不是 Grafana 的接口：请检查 grafana_url",
                f"{url} answers, but not as Grafana's API does: check grafana_url",
            )
        ) from None
    except RequestException as error:
        said = type(error).__name__
        raise GrafanaError(
            Text(
                f"连不上 {url} 的 Grafana（{said}）：它在运行吗？grafana_url 对吗？",
                f"cannot reach Grafana at {url} ({said}): is it running, and is grafana_url right?",
            )
        ) from None


def _refusal(url: str, error: GrafanaException) -> Text:
    said = str(error.message)[:300]
    if error.status_code == 401:
        return Text(
            f"{url} 的 Grafana 不认可令牌（401）：grafana_token 是否写错、过期或被撤销？",
            f"Grafana at {url} does not accept the token (401): is grafana_token mistyped, expired or revoked?",
        )
    if error.status_code == 403:
        return Text(
            f"{url} 的 Grafana 认得令牌，但它没有权限（403）：服务账号需要管理员角色才能写数据源。{said}",
            f"Grafana at {url} knows the token, but it may not do this (403): writing a data source takes a service "
            f"account with the role Admin. {said}",
        )
    if error.status_code == 409:
        return Text(
            f"{url} 的 Grafana 中已有同名但不是由 Linli 建立的数据源或文件夹：请将它改名。{said}",
            f"Grafana at {url} has a data source or folder of the same name that Linli did not make: rename it. {said}",
        )
    return Text(
        f"{url} 的 Grafana 拒绝了（{error.status_code}）：{said}",
        f"Grafana at {url} refused ({error.status_code}): {said}",
    )
