"""`wellhead credentials`: the secrets towards upstreams, kept sealed."""

from typing import Annotated

import typer

from wellhead.cli import asking, printing
from wellhead.cli.asking import FromEnv, Stdin
from wellhead.cli.books import Books, all_of, books, say
from wellhead.cli.options import Config, Database, Json

commands = typer.Typer(
    help="The secrets towards upstreams, kept sealed.", no_args_is_help=True, rich_markup_mode=None
)

NOUN = "credentials"
COLUMNS = {
    "id": "id",
    "provider": "provider",
    "name": "name",
    "project": "project",
    "created_at": "created",
    "disabled_at": "disabled",
}

Number = Annotated[str, typer.Argument(metavar="ID", help="The credential's number.")]
Project = Annotated[str | None, typer.Option("--project", metavar="PROJECT", help="A project's name or id.")]


@commands.command("list")
def list_(
    project: Project = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="ID", help="Only those for this provider.")
    ] = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List the credentials; their secrets are shown to nobody.

    Example: wellhead credentials list --provider openai
    """
    from wellhead import shown
    from wellhead.registry import PAGE_MAX

    with books(config, database, noun=NOUN) as found:
        registry, of = found.registry, found.project_uuid(project)
        some = list(
            all_of(
                lambda after: registry.credentials(after=after, count=PAGE_MAX, project=of, provider=provider)
            )
        )
        uuids = registry.project_uuids([c.project_id for c in some if c.project_id is not None])
        names = {uuid: registry.project(uuid).name for uuid in uuids.values()}
    rows = [shown.credential(credential, uuids) for credential in some]
    if as_json:
        printing.as_json(rows)
        return
    told = [{**row, "project": names.get(row["project_id"], "every key")} for row in rows]
    printing.table(told, COLUMNS, "There are no such credentials.")


@commands.command()
def create(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider's id.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="For people to tell it by.")],
    project: Annotated[
        str | None,
        typer.Option(
            "--project", metavar="PROJECT", help="Only for this project's keys; else for every key."
        ),
    ] = None,
    stdin: Stdin = False,
    from_env: FromEnv = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Keep a secret towards an upstream: asked for here, or given by --stdin or --from-env.

    Example: wellhead credentials create openai --name main --from-env OPENAI_API_KEY
    """
    given = asking.secret("secret", stdin=stdin, from_env=from_env)
    with books(config, database, noun=NOUN) as found:
        _doubt(found, provider)
        of = found.project_uuid(project)
        made = found.registry.create_credential(found.by, provider, name, given, of)
        _tell(found, made.id, as_json)


@commands.command()
def show(number: Number, config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Show a credential, without its secret.

    Example: wellhead credentials show 2
    """
    id_ = asking.number(number, "credential")
    with books(config, database, noun=NOUN) as found:
        _tell(found, id_, as_json)


@commands.command()
def change(
    number: Number,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its new name.")] = None,
    disable: Annotated[bool, typer.Option("--disable", help="Use it no more.")] = False,
    enable: Annotated[bool, typer.Option("--enable", help="Use it again.")] = False,
    new_secret: Annotated[
        bool, typer.Option("--new-secret", help="Ask for another secret; --stdin and --from-env imply it.")
    ] = False,
    stdin: Stdin = False,
    from_env: FromEnv = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Rename a credential, put it out of use, or give it another secret.

    Example: wellhead credentials change 2 --new-secret
    """
    id_ = asking.number(number, "credential")
    if disable and enable:
        raise typer.BadParameter("--disable and --enable exclude each other")
    new_secret = new_secret or stdin or from_env is not None
    if name is None and not (disable or enable or new_secret):
        raise typer.BadParameter("nothing is to be changed")
    given = asking.secret("secret", stdin=stdin, from_env=from_env) if new_secret else None
    with books(config, database, noun=NOUN) as found:
        disabled = disable if disable or enable else None
        found.registry.change_credential(found.by, id_, name=name, secret=given, disabled=disabled)
        _tell(found, id_, as_json)


@commands.command()
def delete(number: Number, config: Config = None, database: Database = None) -> None:
    """Delete a credential with its secret.

    Example: wellhead credentials delete 2
    """
    id_ = asking.number(number, "credential")
    with books(config, database, noun=NOUN) as found:
        found.registry.delete_credential(found.by, id_)
    print(f"Deleted the credential {id_}.")


@commands.command("rotate-master")
def rotate_master(
    generate: Annotated[
        bool,
        typer.Option("--generate", help="Make the new key up; only where a file beside the books holds it."),
    ] = False,
    stdin: Stdin = False,
    from_env: FromEnv = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Seal every credential with another master key.

    The key of a file beside the books is replaced there, and what runs goes on with it.  A rotation
    that was cut short is ended by the next one.

    Example: wellhead credentials rotate-master --generate
    """
    from wellhead.cli import rotation

    if generate and (stdin or from_env is not None):
        raise typer.BadParameter("--generate excludes --stdin and --from-env")
    with books(config, database, noun=NOUN) as found:
        done = rotation.rotate(
            found, lambda: rotation.new_key(found, generate=generate, stdin=stdin, from_env=from_env)
        )
    if as_json:
        printing.as_json(
            {"resealed": done.resealed, "master_key_file": str(done.file) if done.file else None}
        )
    elif done.file is not None:
        print(f"Sealed {done.resealed} credentials with the key in {done.file}; keep a copy of it.")
    else:
        print(f"Sealed {done.resealed} credentials with the new key.")
    if done.file is None:
        say("now put the new key where the settings have the old one: nothing else opens the credentials")
        say("what runs notices a changed master_key_file by itself; for master_key restart it")


def _doubt(found: Books, provider: str) -> None:
    """A provider that is not configured may be meant for later, or misspelt."""
    from difflib import get_close_matches

    ids = [p.id for p in found.settings.providers]
    if ids and provider not in ids:
        near = get_close_matches(provider, ids, n=1)
        say("no such provider is configured here" + (f"; did you mean {near[0]}?" if near else ""))


def _tell(found: Books, id_: int, as_json: bool) -> None:
    from wellhead import shown

    credential = found.registry.credential(id_)
    of = [] if credential.project_id is None else [credential.project_id]
    row = shown.credential(credential, found.registry.project_uuids(of))
    if as_json:
        printing.as_json(row)
    else:
        printing.one(row)
