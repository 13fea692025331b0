"""The parts of Grafana's dashboard JSON model that Linli uses, as dataclasses that know how to become that JSON.

The model is described at grafana.com/docs, 'Dashboard JSON model'. A query is InfluxQL, which InfluxDB 1.x, 2.x and 3 all
answer; Grafana fills in `$timeFilter`, `$__interval` and the dashboard's variables before it sends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from linli.model import JsonValue

Json = dict[str, JsonValue]
Format = Literal["time_series", "table"]

DATASOURCE_UID = "linli-influxdb"
EVENTS_UID = "linli-influxdb-events"
"""Events lie in a database of their own: they are kept for another time than readings."""

_MIXED: Json = {"type": "datasource", "uid": "-- Mixed --"}
"""What Grafana calls a panel whose queries have different data sources."""

SCHEMA_VERSION = 39
"""Of the dashboard model: Grafana 10.3's. Newer ones migrate it when they load it."""

GRID_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Query:
    """One InfluxQL query. `alias` names its series: `$tag_device` is the series' tag, `$col` its column. `source`: its
    data source's uid."""

    text: str
    alias: str = ""
    format: Format = "time_series"
    source: str = DATASOURCE_UID

    def to_json(self, ref: str) -> Json:
        """The target named `ref` ('A', 'B', ...) of a panel."""
        return {
            "refId": ref,
            "datasource": _influxdb(self.source),
            "rawQuery": True,
            "query": self.text,
            "resultFormat": self.format,
            "alias": self.alias,
        }


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it asks and how it is drawn. `unit` is one of Grafana's unit ids ('short', 'cps', 'none')."""

    kind: Literal["timeseries", "stat", "table", "barchart"]
    title: str
    queries: Sequence[Query]
    width: int = 12
    height: int = 8
    unit: str = "short"
    description: str = ""
    custom: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    transformations: Sequence[Json] = ()

    def to_json(self, number: int, x: int, y: int) -> Json:
        """The panel with its number and its place on the grid."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": self._source(),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [query.to_json(chr(ord("A") + index)) for index, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": {"unit": self.unit, "custom": self.custom}, "overrides": []},
            "options": self.options,
            "transformations": list(self.transformations),
        }

    def _source(self) -> Json:
        sources = {query.source for query in self.queries}
        return _influxdb(sources.pop()) if len(sources) == 1 else _MIXED


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of the dashboard, filled by a query. With `many`, several or all may be chosen."""

    name: str
    label: str
    query: str
    many: bool = True

    def to_json(self) -> Json:
        """The variable; it asks again whenever the time range changes."""
        found: Json = {
            "type": "query",
            "name": self.name,
            "label": self.label,
            "datasource": _influxdb(DATASOURCE_UID),
            "query": self.query,
            "definition": self.query,
            "refresh": 2,
            "sort": 1,
            "multi": self.many,
            "includeAll": self.many,
        }
        if self.many:
            found["allValue"] = ".*"
            found["current"] = {"text": ["All"], "value": ["$__all"]}
        return found


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A whole dashboard. Panels are laid out from left to right and wrap at the grid's width, in the order given."""

    uid: str
    title: str
    description: str
    panels: Sequence[Panel]
    variables: Sequence[Variable]
    links: Sequence[Json] = ()
    tags: Sequence[str] = ("linli",)

    def to_json(self) -> Json:
        """The dashboard model without `id` and `version`, which Grafana gives."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": list(self.tags),
            "timezone": "browser",
            "editable": True,
            "refresh": "30s",
            "schemaVersion": SCHEMA_VERSION,
            "time": {"from": "now-6h", "to": "now"},
            "templating": {"list": [variable.to_json() for variable in self.variables]},
            "annotations": {"list": []},
            "links": list(self.links),
            "panels": list(_laid_out(self.panels)),
        }


def _laid_out(panels: Sequence[Panel]) -> list[JsonValue]:
    placed: list[JsonValue] = []
    x = y = row_height = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > GRID_WIDTH:
            x, y, row_height = 0, y + row_height, 0
        placed.append(panel.to_json(number, x, y))
        x += panel.width
        row_height = max(row_height, panel.height)
    return placed


def _influxdb(uid: str) -> Json:
    return {"type": "influxdb", "uid": uid}
