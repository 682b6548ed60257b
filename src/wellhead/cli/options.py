"""The options that several commands share, and the configuration they lead to.

Their values are passed on as text: the configuration reads them like any other
source, so their mistakes are told together with all the others.
"""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wellhead.config.load import Loaded

Config = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration file instead of the one that would be found."
    ),
]
Upstream = Annotated[
    str | None,
    typer.Option(
        "--upstream", metavar="URL", help="One upstream for every path; needs no configuration file."
    ),
]
GatewayBind = Annotated[
    str | None,
    typer.Option(
        "--gateway-bind", metavar="HOST:PORT", help="Where the LLM API is served (port 0: any free)."
    ),
]
ControlBind = Annotated[
    str | None,
    typer.Option(
        "--control-bind",
        metavar="HOST:PORT",
        help="Where the dashboard, the admin API and metrics are served.",
    ),
]
Workers = Annotated[str | None, typer.Option("--workers", metavar="N", help="How many gateway processes.")]
Database = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="Where the books are: a file or sqlite:///FILE."),
]
LogLevel = Annotated[
    str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warn or error.")
]
LogFormat = Annotated[
    str | None, typer.Option("--log-format", metavar="FORMAT", help="auto, json or pretty.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

SETTINGS = {
    "--upstream": "upstream",
    "--gateway-bind": "gateway.bind",
    "--control-bind": "control.bind",
    "--workers": "gateway.workers",
    "--database": "database",
    "--log-level": "log.level",
    "--log-format": "log.format",
}


def configured(config: str | None, **flags: str | None) -> "Loaded":
    """Load the configuration with a command's options on top of it."""
    from wellhead.config.aliases import Given
    from wellhead.config.load import load

    names = {flag: flag[2:].replace("-", "_") for flag in SETTINGS}
    given = {
        SETTINGS[flag]: Given(raw, flag)
        for flag, name in names.items()
        if (raw := flags.get(name)) is not None
    }
    return load(given, config=config)
