"""Which store of readings and events the settings ask for. For composition roots."""

from linli.ports import KeptStore
from linli.settings import Settings


def build_store(settings: Settings) -> KeptStore:
    """InfluxDB when `influx_url` is set, else SQLite in the data folder. Does no I/O."""
    if settings.influx_url is None:
        from linli.adapters.sqlite_store import SqliteStore

        return SqliteStore(settings.readings_path)
    from linli.adapters.influx_http import InfluxConfig
    from linli.adapters.influx_store import InfluxStore

    token = settings.influx_token
    return InfluxStore(
        InfluxConfig(
            url=settings.influx_url,
            kind=settings.influx_kind,
            token=token.get_secret_value() if token else None,
            username=settings.influx_username,
            org=settings.influx_org,
            bucket=settings.influx_bucket,
            timeout_s=settings.influx_timeout_s,
            retention=settings.retention,
        ),
        settings.clock(),
    )
