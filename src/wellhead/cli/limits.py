"""`wellhead limits`: ceilings on calls, tokens and cost."""

from typing import TYPE_CHECKING, Annotated

import typer

from wellhead.cli import asking, printing
from wellhead.cli.books import Books, all_of, books
from wellhead.cli.options import Config, Database, Json
from wellhead.limit import Action, Measure, Scope, ScopeKind, Window

if TYPE_CHECKING:
    from wellhead.registry import LimitUse

commands = typer.Typer(
    help="Ceilings on calls, tokens and cost.", no_args_is_help=True, rich_markup_mode=None
)

NOUN = "limits"
COLUMNS = {
    "id": "id",
    "name": "name",
    "for": "for",
    "measure": "measure",
    "window": "window",
    "amount": "amount",
    "action": "action",
    "used": "used",
    "held": "held",
    "left": "left",
    "exceeded": "exceeded",
}
STANDING_COLUMNS = {
    "subject": "for",
    "used": "used",
    "held": "held",
    "left": "left",
    "exceeded": "exceeded",
    "frees_at": "frees",
}
SCOPES = (
    "--global, --project, --key, --provider, --model, --tool with or without --client, "
    "--each-project, --each-key, --each-client, --each-model, --each-provider"
)

Number = Annotated[str, typer.Argument(metavar="ID", help="The limit's number.")]
MeasureGiven = Annotated[Measure, typer.Option("--measure", help="What is counted.")]
WindowGiven = Annotated[
    Window | None,
    typer.Option("--window", help="Over how long; calls at one time are counted over none (total)."),
]
ActionGiven = Annotated[Action, typer.Option("--action", help="What happens to a call that does not fit.")]
Zone = Annotated[
    str, typer.Option("--zone", metavar="ZONE", help="Whose calendar counts, such as Europe/Berlin.")
]


@commands.command("list")
def list_(config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """List the limits and how they stand; of those that count each by itself, the fullest.

    Example: wellhead limits list --json
    """
    from wellhead.registry import PAGE_MAX

    with books(config, database, noun=NOUN) as found:
        uses = list(all_of(lambda after: found.registry.limits(after=after, count=PAGE_MAX)))
        rows = _shown(found, uses)
    if as_json:
        printing.as_json(rows)
        return
    printing.table(
        [_row(row, use) for row, use in zip(rows, uses, strict=True)], COLUMNS, "There are no limits."
    )


@commands.command()
def create(
    measure: MeasureGiven,
    amount: Annotated[
        str, typer.Option("--amount", metavar="N", help="Calls or tokens; a cost in US dollars, as 12.50.")
    ],
    window: WindowGiven = None,
    global_: Annotated[bool, typer.Option("--global", help="For all calls together.")] = False,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="For a project, by name or id.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="ID", help="For a key, by number.")] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="ID", help="For a provider, by id.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="GLOB", help="For models.")] = None,
    tool: Annotated[str | None, typer.Option("--tool", metavar="TOOL", help="For a tool.")] = None,
    client: Annotated[
        str | None, typer.Option("--client", metavar="CLIENT", help="For a client (of that tool).")
    ] = None,
    each_project: Annotated[bool, typer.Option("--each-project", help="For each project by itself.")] = False,
    each_key: Annotated[bool, typer.Option("--each-key", help="For each key by itself.")] = False,
    each_client: Annotated[
        bool, typer.Option("--each-client", help="For each client of each tool by itself.")
    ] = False,
    each_model: Annotated[bool, typer.Option("--each-model", help="For each model by itself.")] = False,
    each_provider: Annotated[
        bool, typer.Option("--each-provider", help="For each provider by itself.")
    ] = False,
    sliding: Annotated[
        bool, typer.Option("--sliding", help="The window ends now, instead of following the calendar.")
    ] = False,
    zone: Zone = "UTC",
    action: ActionGiven = Action.REFUSE,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What those are told who meet it.")
    ] = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a limit; it holds from the next call on, and counts what its present window has seen.

    Example: wellhead limits create --project blue --measure cost --window month --amount 250.00
    """
    from wellhead.registry import NewLimit

    each = {
        ScopeKind.PROJECT: each_project,
        ScopeKind.KEY: each_key,
        ScopeKind.CLIENT: each_client,
        ScopeKind.MODEL: each_model,
        ScopeKind.PROVIDER: each_provider,
    }
    named = {
        ScopeKind.PROJECT: project,
        ScopeKind.KEY: key,
        ScopeKind.MODEL: model,
        ScopeKind.PROVIDER: provider,
    }
    scopes = [Scope(ScopeKind.GLOBAL)] if global_ else []
    scopes += [Scope(kind) for kind, wanted in each.items() if wanted]
    scopes += [Scope(kind, id_) for kind, id_ in named.items() if id_ is not None]
    if tool is not None or client is not None:
        scopes.append(Scope(ScopeKind.CLIENT, None, tool, client))
    if len(scopes) != 1:
        raise typer.BadParameter(f"say once for whom it is: {SCOPES}")
    with books(config, database, noun=NOUN) as found:
        new = NewLimit(
            measure=measure,
            window=_window(measure, window),
            amount=asking.amount(measure, amount),
            scope=_resolved(found, scopes[0]),
            action=action,
            sliding=sliding,
            zone=zone,
            name=name,
        )
        _tell(found, found.registry.create_limit(found.by, new).id, as_json)


@commands.command()
def show(number: Number, config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Show a limit and how it stands, for each of those it counts.

    Example: wellhead limits show 3
    """
    id_ = asking.number(number, "limit")
    with books(config, database, noun=NOUN) as found:
        _tell(found, id_, as_json)


@commands.command()
def change(
    number: Number,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="N", help="Calls or tokens; a cost in US dollars.")
    ] = None,
    action: Annotated[
        Action | None, typer.Option("--action", help="What happens to a call that does not fit.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its new name.")] = None,
    no_name: Annotated[bool, typer.Option("--no-name", help="Take its name away.")] = False,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Change a limit's amount, action or name; another scope or window is another limit.

    Example: wellhead limits change 3 --amount 500
    """
    from wellhead.registry import UNCHANGED

    id_ = asking.number(number, "limit")
    if no_name and name is not None:
        raise typer.BadParameter("--name and --no-name exclude each other")
    if amount is None and action is None and name is None and not no_name:
        raise typer.BadParameter("nothing is to be changed")
    with books(config, database, noun=NOUN) as found:
        measure = found.registry.limit(id_).limit.measure
        found.registry.change_limit(
            found.by,
            id_,
            amount=None if amount is None else asking.amount(measure, amount),
            action=action,
            name=name if name is not None or no_name else UNCHANGED,
        )
        _tell(found, id_, as_json)


@commands.command()
def delete(number: Number, config: Config = None, database: Database = None) -> None:
    """Delete a limit and what it counted; calls stay in the books.

    Example: wellhead limits delete 3
    """
    id_ = asking.number(number, "limit")
    with books(config, database, noun=NOUN) as found:
        found.registry.delete_limit(found.by, id_)
    print(f"Deleted the limit {id_}.")


def _window(measure: Measure, given: Window | None) -> Window:
    if given is not None:
        return given
    if measure is not Measure.CONCURRENT_CALLS:
        raise typer.BadParameter(f"--window is needed: one of {', '.join(Window)}")
    return Window.TOTAL


def _resolved(found: Books, scope: Scope) -> Scope:
    if scope.kind is ScopeKind.PROJECT and scope.id is not None:
        return Scope(scope.kind, found.project(scope.id).uuid)
    if scope.kind is ScopeKind.KEY and scope.id is not None:
        return Scope(scope.kind, str(asking.number(scope.id, "key")))
    return scope


def _shown(found: Books, uses: "list[LimitUse]") -> list[printing.Row]:
    from wellhead import shown

    uuids = found.registry.project_uuids(shown.projects_in(uses))
    return [shown.limit(use, uuids) for use in uses]


def _row(limit: printing.Row, use: "LimitUse") -> printing.Row:
    """A limit in one line, with its fullest standing."""
    untouched = {"used": None, "held": None, "left": limit["amount"], "exceeded": None}
    standing = next(iter(limit["standings"]), untouched)
    sliding = "sliding " if limit["sliding"] else ""
    return {**standing, **limit, "for": _whose(limit, use), "window": sliding + limit["window"]}


def _whose(limit: printing.Row, use: "LimitUse") -> str:
    scope = limit["scope"]
    kind = str(scope["kind"])
    if kind == ScopeKind.GLOBAL:
        return "all calls"
    if kind == ScopeKind.CLIENT:
        named = [f"{what} {scope[what]}" for what in ("tool", "client") if scope[what] is not None]
        return ", ".join(named) or "each client"
    if scope["id"] is None:
        return f"each {kind}"
    return f"{kind} {use.project.name if use.project else scope['id']}"


def _tell(found: Books, id_: int, as_json: bool) -> None:
    use = found.registry.limit(id_)
    (limit,) = _shown(found, [use])
    if as_json:
        printing.as_json(limit)
        return
    fields = {name: value for name, value in limit.items() if name not in ("scope", "standings")}
    printing.one({"id": limit["id"], "for": _whose(limit, use), **fields})
    print()
    standings = [{**one, "subject": one["subject"] or "all together"} for one in limit["standings"]]
    printing.table(standings, STANDING_COLUMNS, "Nothing was counted yet.")
