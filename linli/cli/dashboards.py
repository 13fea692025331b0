"""`linli dashboards`: publish the Grafana dashboards, or show them as the JSON that would be published."""

from typing import Annotated

import typer

from linli.i18n import Language, Text

app = typer.Typer(
    no_args_is_help=True,
    help=str(Text("Grafana 仪表板：发布，或查看其 JSON", "Grafana dashboards: publish them, or show their JSON")),
)


@app.command(
    help=str(
        Text(
            "把仪表板发布到设置中的 Grafana：文件夹、InfluxDB 数据源、两种语言的仪表板。重复发布没有影响。",
            "Publish to the Grafana of the settings: a folder, the InfluxDB data source, the dashboard in both languages. "
            "Publishing again does no harm.",
        )
    )
)
def publish(
    url: Annotated[
        str | None,
        typer.Option(
            "--url", help=str(Text("Grafana 地址（设置 grafana_url）", "Grafana's address (setting grafana_url)"))
        ),
    ] = None,
    influx_url: Annotated[
        str | None,
        typer.Option(
            "--influx-url",
            help=str(
                Text(
                    "Grafana 访问 InfluxDB 用的地址，若与 Linli 用的不同",
                    "InfluxDB's address as Grafana reaches it, where it differs from the one Linli uses",
                )
            ),
        ),
    ] = None,
) -> None:
    """Publish folder, data source and dashboards, and say of each what was done."""
    from dashboards.board import dashboards
    from dashboards.publish import Outcome, connect, datasources
    from dashboards.publish import publish as publish_all
    from linli.settings import load_settings

    settings = load_settings(grafana_url=url)
    words = {
        Outcome.CREATED: Text("已新建", "created"),
        Outcome.UPDATED: Text("已更新", "updated"),
        Outcome.UNCHANGED: Text("无变化", "unchanged"),
    }
    grafana = connect(settings)
    for done in publish_all(grafana, datasources(settings, influx_url), dashboards()):
        place = f"  {settings.grafana_url.rstrip('/')}{done.url}" if done.url and settings.grafana_url else ""
        typer.echo(f"{words[done.outcome]}: {done.what}{place}")


@app.command(
    help=str(
        Text(
            "把仪表板的 JSON 写到标准输出，可在 Grafana 中手工导入",
            "Write a dashboard's JSON to standard output, to import it into Grafana by hand",
        )
    )
)
def show(
    language: Annotated[Language | None, typer.Option("--language", help=str(Text("zh 或 en", "zh or en")))] = None,
) -> None:
    """Print the dashboard model in one language (by default the terminal's)."""
    import json

    from dashboards.board import dashboard
    from linli.i18n import shell_language

    typer.echo(json.dumps(dashboard(language or shell_language()).to_json(), ensure_ascii=False, indent=2))
