"""`wellhead keys` (and `wellhead tokens`): what clients identify themselves with."""

from typing import Annotated

import typer

from wellhead.access import KeyState
from wellhead.cli import asking, printing
from wellhead.cli.books import Books, all_of, books
from wellhead.cli.options import Config, Database, Json

commands = typer.Typer(
    help="What clients identify themselves with (also: tokens).", no_args_is_help=True, rich_markup_mode=None
)

NOUN = "keys"
COLUMNS = {
    "id": "id",
    "prefix": "key",
    "name": "name",
    "project": "project",
    "state": "state",
    "expires_at": "expires",
    "last_used_at": "last used",
    "calls": "calls",
    "total_tokens": "tokens",
    "cost_usd": "USD",
}

Number = Annotated[str, typer.Argument(metavar="ID", help="The key's number.")]
Project = Annotated[str | None, typer.Option("--project", metavar="PROJECT", help="A project's name or id.")]
ExpiresIn = Annotated[
    str | None, typer.Option("--expires-in", metavar="TIME", help="How long it works: 90m, 24h, 30d.")
]
ExpiresAt = Annotated[
    str | None, typer.Option("--expires-at", metavar="MOMENT", help="Until when, as 2026-03-01T00:00:00Z.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the key alone.")]
Globs = list[str] | None
Models = Annotated[
    Globs, typer.Option("--allow-model", metavar="GLOB", help="Models it may use; repeatable.")
]
Providers = Annotated[
    Globs, typer.Option("--allow-provider", metavar="GLOB", help="Providers it may use; repeatable.")
]
Endpoints = Annotated[
    Globs, typer.Option("--allow-endpoint", metavar="GLOB", help="Request paths it may use; repeatable.")
]
Accounts = Annotated[
    Globs, typer.Option("--allow-account", metavar="GLOB", help="Upstream accounts it may use; repeatable.")
]
TagsGiven = Annotated[
    Globs, typer.Option("--tag", metavar="NAME=VALUE", help="A note for people; repeatable.")
]


@commands.command("list")
def list_(
    project: Project = None,
    state: Annotated[KeyState | None, typer.Option("--state", help="Only those in this state.")] = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List the keys.

    Example: wellhead keys list --project blue --state active
    """
    from wellhead import shown
    from wellhead.registry import PAGE_MAX

    with books(config, database, noun=NOUN) as found:
        of, registry = found.project_uuid(project), found.registry
        uses = list(all_of(lambda after: registry.keys(after=after, count=PAGE_MAX, project=of, state=state)))
    if as_json:
        printing.as_json([shown.key(use) for use in uses])
        return
    rows = [{**shown.key(use), "project": use.project.name if use.project else None} for use in uses]
    printing.table(rows, COLUMNS, "There are no such keys.")


@commands.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people to tell it by.")],
    project: Project = None,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    allow_model: Models = None,
    allow_provider: Providers = None,
    allow_endpoint: Endpoints = None,
    allow_account: Accounts = None,
    tag: TagsGiven = None,
    quiet: Quiet = False,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a key.  It is shown this once; only its hash is kept.

    Example: wellhead keys create laptop --project blue --expires-in 30d --allow-model 'gpt-*'
    """
    from wellhead.registry import NewKey

    with books(config, database, noun=NOUN) as found:
        new = NewKey(
            name,
            project=found.project_uuid(project),
            expires_us=asking.expiry(found.now_us(), expires_in, expires_at),
            allowed_models=asking.patterns(allow_model),
            allowed_providers=asking.patterns(allow_provider),
            allowed_endpoints=asking.patterns(allow_endpoint),
            allowed_accounts=asking.patterns(allow_account),
            tags=asking.tags(tag),
        )
        issued = found.registry.create_key(found.by, new)
        _hand_over(found, issued.key.id, issued.secret, quiet, as_json)


@commands.command()
def show(number: Number, config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Show a key and what was done with it.

    Example: wellhead keys show 7
    """
    id_ = asking.number(number, "key")
    with books(config, database, noun=NOUN) as found:
        _tell(found, id_, as_json)


@commands.command()
def change(
    number: Number,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its new name.")] = None,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="It works until revoked.")] = False,
    allow_model: Models = None,
    any_model: Annotated[bool, typer.Option("--any-model", help="Every model again.")] = False,
    allow_provider: Providers = None,
    any_provider: Annotated[bool, typer.Option("--any-provider", help="Every provider again.")] = False,
    allow_endpoint: Endpoints = None,
    any_endpoint: Annotated[bool, typer.Option("--any-endpoint", help="Every request path again.")] = False,
    allow_account: Accounts = None,
    any_account: Annotated[bool, typer.Option("--any-account", help="Every account again.")] = False,
    tag: TagsGiven = None,
    untag: Annotated[
        Globs, typer.Option("--untag", metavar="NAME", help="Take a tag off; repeatable.")
    ] = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Change what a key may do.  Lists that are given take the place of the old ones; tags are added.

    Example: wellhead keys change 7 --expires-in 24h --any-model
    """
    from wellhead.registry import UNCHANGED, KeyChange, Unchanged

    def listed(globs: Globs, any_: bool, what: str) -> "tuple[str, ...] | Unchanged | None":
        if any_ and globs:
            raise typer.BadParameter(f"--allow-{what} and --any-{what} exclude each other")
        return None if any_ else asking.patterns(globs) or UNCHANGED

    id_ = asking.number(number, "key")
    with books(config, database, noun=NOUN) as found:
        expires_us = asking.expiry(found.now_us(), expires_in, expires_at)
        if never_expires and expires_us is not None:
            raise typer.BadParameter("--never-expires excludes --expires-in and --expires-at")
        wanted = KeyChange(
            name=UNCHANGED if name is None else name,
            expires_us=UNCHANGED if expires_us is None and not never_expires else expires_us,
            allowed_models=listed(allow_model, any_model, "model"),
            allowed_providers=listed(allow_provider, any_provider, "provider"),
            allowed_endpoints=listed(allow_endpoint, any_endpoint, "endpoint"),
            allowed_accounts=listed(allow_account, any_account, "account"),
            tags=UNCHANGED if not tag and not untag else _tagged(found, id_, tag, untag),
        )
        if wanted == KeyChange():
            raise typer.BadParameter("nothing is to be changed")
        found.registry.change_key(found.by, id_, wanted)
        _tell(found, id_, as_json)


@commands.command()
def revoke(
    number: Annotated[str | None, typer.Argument(metavar="ID", help="The key's number.")] = None,
    all_of_project: Annotated[
        str | None, typer.Option("--all-of", metavar="PROJECT", help="Every key of a project instead of one.")
    ] = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Revoke a key for good: the next call with it is refused, by every gateway.

    Example: wellhead keys revoke 7
    """
    if (number is None) == (all_of_project is None):
        raise typer.BadParameter("give either the number of a key or --all-of PROJECT")
    with books(config, database, noun=NOUN) as found:
        if number is not None:
            id_ = asking.number(number, "key")
            found.registry.revoke_key(found.by, id_)
            _tell(found, id_, as_json)
            return
        assert all_of_project is not None
        done = found.registry.revoke_keys_of(found.by, found.project(all_of_project).uuid)
    if as_json:
        printing.as_json({"revoked": done.revoked, "already_revoked": done.already_revoked})
    else:
        print(f"Revoked {done.revoked} keys; {done.already_revoked} were revoked already.")


@commands.command()
def rotate(
    number: Number,
    overlap: Annotated[
        str,
        typer.Option("--overlap", metavar="TIME", help="How long both work: 90m, 24h, 7d; 0: not at all."),
    ] = "24h",
    quiet: Quiet = False,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a successor with the same rights and limits; the old key withers after the overlap.

    Example: wellhead keys rotate 7 --overlap 24h
    """
    id_ = asking.number(number, "key")
    overlap_s = round(asking.duration_s(overlap, "--overlap"))
    with books(config, database, noun=NOUN) as found:
        issued = found.registry.rotate_key(found.by, id_, overlap_s)
        _hand_over(found, issued.key.id, issued.secret, quiet, as_json)


def _tagged(
    found: Books, id_: int, tag: list[str] | None, untag: list[str] | None
) -> tuple[tuple[str, str], ...]:
    """The key's tags with some more and some less."""
    tags = {**dict(found.registry.key(id_).key.tags), **dict(asking.tags(tag))}
    for name in untag or []:
        tags.pop(name, None)
    return tuple(sorted(tags.items()))


def _hand_over(found: Books, id_: int, secret: str, quiet: bool, as_json: bool) -> None:
    """Print a new key, this once."""
    from wellhead import shown

    if quiet and not as_json:
        print(secret)
        return
    use = found.registry.key(id_)
    if as_json:
        printing.as_json(shown.issued(use, secret))
        return
    printing.one(_for_people(shown.key(use)))
    print(f"\nThe key, shown this once:\n{secret}")


def _tell(found: Books, id_: int, as_json: bool) -> None:
    from wellhead import shown

    key = shown.key(found.registry.key(id_))
    if as_json:
        printing.as_json(key)
    else:
        printing.one(_for_people(key))


def _for_people(key: printing.Row) -> printing.Row:
    """Without a list everything is allowed, with an empty one nothing."""
    words = {None: "any", (): "none"}
    lists = {name: value for name, value in key.items() if name.startswith("allowed_")}
    return {**key, **{n: words.get(v if v is None else tuple(v), v) for n, v in lists.items()}}
