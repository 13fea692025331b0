"""Linli's dashboard: readings, events, gateways and the rate of both, from the InfluxDB that ingest writes.

It exists once in each language; the two link to each other and keep the choices made. The measurements are those of the
InfluxDB store: `readings` (tags community, device, quantity; field value) and, in a database of its own, `events` (tags
community, device, type; field sequence among others).
"""

from dashboards.panels import EVENTS_UID, Dashboard, Json, Panel, Query, Variable
from linli.i18n import Language, Text
from linli.model import DEVICE_HEARTBEAT_TYPE, HEARTBEAT_TYPE

FOLDER_UID = "linli"
FOLDER_TITLE = "Linli 邻里"

_COMMUNITY = '"community" =~ /^$community$/'
_DEVICE = f'{_COMMUNITY} AND "device" =~ /^$device$/'
_READINGS = f'FROM "readings" WHERE {_DEVICE} AND "quantity" =~ /^$quantity$/ AND $timeFilter'
_EVENTS = f'FROM "events" WHERE {_DEVICE} AND $timeFilter'
_ALIVE = (HEARTBEAT_TYPE, DEVICE_HEARTBEAT_TYPE)
_NOT_HEARTBEATS = " AND ".join(f"\"type\" != '{kind}'" for kind in _ALIVE)
_HEARTBEATS = f"""FROM "events" WHERE {_COMMUNITY} AND "type" = '{HEARTBEAT_TYPE}' AND $timeFilter"""

_STACKED: Json = {"drawStyle": "bars", "fillOpacity": 70, "lineWidth": 0, "stacking": {"mode": "normal", "group": "A"}}
_LINES: Json = {"drawStyle": "line", "fillOpacity": 8, "lineWidth": 1, "showPoints": "auto", "spanNulls": 600_000}
_TABLE_LEGEND: Json = {
    "legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "min", "max"]},
    "tooltip": {"mode": "multi", "sort": "desc"},
}
_ONE_NUMBER: Json = {"reduceOptions": {"calcs": ["lastNotNull"], "values": False, "fields": ""}, "colorMode": "value"}
_TOTAL: Json = {"reduceOptions": {"calcs": ["sum"], "values": False, "fields": ""}, "colorMode": "value"}


def dashboard(language: Language) -> Dashboard:
    """Linli's dashboard in one language."""
    return Dashboard(
        uid=_uid(language),
        title=Text("邻里 · 设备与事件", "Linli · devices and events").of(language),
        description=Text(
            "由 linli dashboards publish 发布；在此处的修改会在下次发布时被覆盖。",
            "Published by linli dashboards publish; what is changed here is overwritten by the next one.",
        ).of(language),
        panels=_panels(language),
        variables=_variables(language),
        links=[_link_to(other) for other in Language if other is not language],
    )


def dashboards() -> list[Dashboard]:
    """The dashboard in every language."""
    return [dashboard(language) for language in Language]


def _uid(language: Language) -> str:
    return f"linli-{language.value}"


def _link_to(language: Language) -> Json:
    return {
        "type": "link",
        "title": {Language.ZH: "中文", Language.EN: "English"}[language],
        "url": f"/d/{_uid(language)}",
        "includeVars": True,
        "keepTime": True,
        "asDropdown": False,
        "targetBlank": False,
        "icon": "dashboard",
        "tags": [],
    }


def _variables(language: Language) -> list[Variable]:
    return [
        Variable(
            "community",
            Text("小区", "Compound").of(language),
            'SHOW TAG VALUES FROM "readings" WITH KEY = "community"',
            many=False,
        ),
        Variable(
            "device",
            Text("设备", "Device").of(language),
            f'SHOW TAG VALUES FROM "readings" WITH KEY = "device" WHERE {_COMMUNITY}',
        ),
        Variable(
            "quantity",
            Text("量", "Quantity").of(language),
            f'SHOW TAG VALUES FROM "readings" WITH KEY = "quantity" WHERE {_DEVICE}',
        ),
    ]


def _panels(language: Language) -> list[Panel]:
    return [*_numbers(language), *_readings(language), *_events(language), *_running(language)]


def _numbers(language: Language) -> list[Panel]:
    def stat(title: Text, query: Query, options: Json) -> Panel:
        return Panel("stat", title.of(language), [query], width=6, height=4, options=options)

    newest = _select('last("value") AS "value"', _READINGS, 'GROUP BY "device"')
    beating = _select('last("sequence") AS "sequence"', _HEARTBEATS, 'GROUP BY "device"')
    return [
        stat(
            Text("有读数的设备", "Devices with readings"),
            Query(_select('count("value")', f"FROM ({newest})")),
            _ONE_NUMBER,
        ),
        stat(
            Text("有心跳的网关", "Gateways with heartbeats"),
            Query(_select('count("sequence")', f"FROM ({beating})"), source=EVENTS_UID),
            _ONE_NUMBER,
        ),
        stat(Text("读数条数", "Number of readings"), Query(_select('count("value")', _READINGS)), _TOTAL),
        stat(
            Text("事件（不含心跳）", "Events, heartbeats aside"),
            Query(_select('count("sequence")', _EVENTS, "AND", _NOT_HEARTBEATS), source=EVENTS_UID),
            _TOTAL,
        ),
    ]


def _readings(language: Language) -> list[Panel]:
    return [
        Panel(
            "timeseries",
            Text("读数", "Readings").of(language),
            [
                Query(
                    _select('mean("value")', _READINGS, 'GROUP BY time($__interval), "device", "quantity" fill(none)'),
                    "$tag_device · $tag_quantity",
                )
            ],
            width=16,
            height=10,
            custom=_LINES,
            options=_TABLE_LEGEND,
        ),
        Panel(
            "table",
            Text("最新读数", "Latest readings").of(language),
            [Query(_select('last("value") AS "value"', _READINGS, 'GROUP BY "device", "quantity"'), format="table")],
            width=8,
            height=10,
            unit="none",
            options={"showHeader": True, "sortBy": [{"displayName": "Time", "desc": True}]},
        ),
    ]


def _events(language: Language) -> list[Panel]:
    return [
        Panel(
            "timeseries",
            Text("各类事件", "Events by type").of(language),
            [
                Query(
                    _select(
                        'count("sequence")',
                        _EVENTS,
                        "AND",
                        _NOT_HEARTBEATS,
                        'GROUP BY time($__interval), "type" fill(0)',
                    ),
                    "$tag_type",
                    source=EVENTS_UID,
                )
            ],
            width=16,
            custom=_STACKED,
            options=_TABLE_LEGEND,
        ),
        Panel(
            "table",
            Text("最近的事件", "Latest events").of(language),
            [
                Query(
                    _select(
                        '"device", "type", "data"', _EVENTS, "AND", _NOT_HEARTBEATS, "ORDER BY time DESC LIMIT 100"
                    ),
                    format="table",
                    source=EVENTS_UID,
                )
            ],
            width=8,
            unit="none",
            options={"showHeader": True, "sortBy": [{"displayName": "Time", "desc": True}]},
        ),
    ]


def _running(language: Language) -> list[Panel]:
    return [
        Panel(
            "timeseries",
            Text("网关心跳（每分钟）", "Gateway heartbeats a minute").of(language),
            [
                Query(
                    _select('count("sequence")', _HEARTBEATS, 'GROUP BY time(1m), "device" fill(0)'),
                    "$tag_device",
                    source=EVENTS_UID,
                )
            ],
            description=Text(
                "每个网关的每条通道每 10 秒一次，因此正常时每分钟 12 次。",
                "Each lane of each gateway carries one every 10 s, so 12 a minute when all is well.",
            ).of(language),
            custom=_LINES,
        ),
        Panel(
            "timeseries",
            Text("入库速率（每秒）", "Stored a second").of(language),
            [
                Query(_rate("readings", "value"), Text("读数", "readings").of(language)),
                Query(_rate("events", "sequence"), Text("事件", "events").of(language), source=EVENTS_UID),
            ],
            unit="cps",
            custom=_LINES,
        ),
    ]


def _rate(measurement: str, field: str) -> str:
    """How many points of the measurement a second, in each interval that Grafana draws."""
    return _select(
        f'count("{field}") / $__interval_ms * 1000',
        f'FROM "{measurement}" WHERE {_COMMUNITY} AND $timeFilter GROUP BY time($__interval) fill(0)',
    )


def _select(columns: str, *clauses: str) -> str:
    return " ".join(("SELECT", columns, *clauses))
