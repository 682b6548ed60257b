"""Loading: file, environment and flags to one `Settings`, or every mistake at once.

Each source becomes a flat mapping from a setting's path to its raw value and
origin; later sources win.  Only then are values read, so a mistake that a later
source puts right is none.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from wellhead.clock import wall_us
from wellhead.config import providers, together, values
from wellhead.config.aliases import ALIASES, Given, Where, translate
from wellhead.config.settings import (
    FILE_SUFFIX,
    Declared,
    ProvidersSource,
    Settings,
    declared,
    default_database,
)
from wellhead.directory import Provider, Timeouts
from wellhead.errors import ConfigError, Problem

FILE_NAME = "wellhead.yaml"
CONFIG_VARIABLE = "WELLHEAD_CONFIG"
PROVIDERS_VARIABLE = "WELLHEAD_PROVIDERS"
INVALID_ENTRY = "provider.config.invalid"
PREFIX = "WELLHEAD_"
ORCHESTRATORS = re.compile(r"WELLHEAD_(SERVICE|PORT)(_|$)")
"""Kubernetes gives such variables to every pod beside a service called wellhead; they are no settings."""
OF_CLIENTS = frozenset({"WELLHEAD_KEY", "WELLHEAD_API_KEY"})
"""Nor are these, in which people keep the key that their clients send."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the operator should know that does not keep the program from starting."""

    event: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and what there is to say about them."""

    settings: Settings
    file: Path | None = None
    notices: tuple[Notice, ...] = ()


def load(
    flags: Mapping[str, Given] | None = None,
    *,
    config: str | None = None,
    environ: Mapping[str, str] | None = None,
    here: Path | None = None,
) -> Loaded:
    """Read the configuration.  `flags` are by setting; `config` is `--config`.

    Raises `ConfigError` with every problem there is.
    """
    environ = os.environ if environ is None else environ
    here = Path.cwd() if here is None else here
    loading = _Loading()
    file = loading.find(config, environ, here)
    environ = {**loading.env_file(file, environ), **environ}
    if file is not None:
        loading.take_file(file)
    loading.take_environment(environ)
    loading.given.update(flags or {})
    settings = loading.settings(environ)
    if loading.problems:
        raise ConfigError(tuple(loading.problems))
    loading.warn(list(together.doubts(settings)))
    return Loaded(settings, file, tuple(loading.notices))


def candidates(environ: Mapping[str, str], here: Path) -> tuple[Path, ...]:
    """Where the file is looked for when nobody names one."""
    return (here / FILE_NAME, config_directory(environ) / FILE_NAME, Path("/etc/wellhead") / FILE_NAME)


def config_directory(environ: Mapping[str, str]) -> Path:
    """The operator's own configuration directory."""
    root = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or Path.home(), ".config")
    return Path(root) / "wellhead"


@dataclass(slots=True)
class _Loading:
    """One run of `load`: what was given so far, and what is wrong with it."""

    given: dict[str, Given] = field(default_factory=dict)
    entries: Given | None = None
    file: str | None = None
    problems: list[Problem] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    known: dict[str, Declared] = field(default_factory=lambda: {s.path: s for s in declared()})

    def find(self, config: str | None, environ: Mapping[str, str], here: Path) -> Path | None:
        named, origin = config, "--config"
        if named is None and environ.get(CONFIG_VARIABLE):
            named, origin = environ[CONFIG_VARIABLE], CONFIG_VARIABLE
        if named is None:
            return next((p for p in candidates(environ, here) if p.is_file()), None)
        file = here / Path(named).expanduser()
        if file.is_file():
            return file
        self.reject(origin, f"must name a file that exists, not {named}")
        return None

    def env_file(self, file: Path | None, environ: Mapping[str, str]) -> Mapping[str, str]:
        path = (file.parent if file else config_directory(environ)) / ".env"
        if not path.is_file():
            return {}
        from wellhead.config.document import read_env_file

        try:
            return read_env_file(path)
        except (OSError, ValueError) as error:
            self.reject(str(path), f"must be a readable UTF-8 file: {_reason(error)}")
            return {}

    def take_file(self, file: Path) -> None:
        from wellhead.config.document import read_yaml

        try:
            document = read_yaml(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            self.reject(str(file), _reason(error))
            return
        if not isinstance(document, Mapping):
            if document is not None:
                self.reject(str(file), "must be a mapping of settings")
            return
        flat = _flatten(document, {path.partition(".")[0] for path in self.known if "." in path})
        entries = flat.pop("providers", None)
        if entries is not None:
            self.entries, self.file = Given(entries, file.name), str(file)
        aliases = {a.name for a in ALIASES if a.where is Where.FILE}
        translated, warnings = translate({n: flat.pop(n) for n in aliases & flat.keys()}, Where.FILE)
        self.warn(warnings)
        self.given.update(translated)
        for path, raw in flat.items():
            if path not in self.known:
                sections = {known.partition(".")[0] for known in self.known}
                self.unknown(
                    path, get_close_matches(path, [*self.known, *sections, "providers", *aliases], n=1)
                )
            elif raw is not None and raw != "":
                self.given[path] = Given(raw, file.name)

    def take_environment(self, environ: Mapping[str, str]) -> None:
        translated, warnings = translate(environ, Where.ENVIRONMENT)
        self.warn(warnings)
        self.given.update(translated)
        by_variable = {s.variable: path for path, s in self.known.items()}
        for name, raw in environ.items():
            if name in by_variable and raw:
                self.given[by_variable[name]] = Given(raw, name)
            elif name == PROVIDERS_VARIABLE and raw:
                self.take_entries(raw)
            elif ORCHESTRATORS.match(name) or name in OF_CLIENTS:
                continue
            elif name.startswith(PREFIX) and name not in {*by_variable, PROVIDERS_VARIABLE, CONFIG_VARIABLE}:
                self.unknown(
                    name, get_close_matches(name, [*by_variable, PROVIDERS_VARIABLE, CONFIG_VARIABLE], n=1)
                )

    def take_entries(self, raw: str) -> None:
        from wellhead.config.document import read_yaml

        try:
            self.entries = Given(read_yaml(raw), PROVIDERS_VARIABLE)
        except ValueError as error:
            self.reject(PROVIDERS_VARIABLE, str(error))

    def settings(self, environ: Mapping[str, str]) -> Settings:
        """Read every value that was given, check how they go together, and put them into their places."""
        read: dict[str, Any] = {}
        for path, given in self.given.items():
            try:
                read[path] = self.known[path].read(given.raw)
            except values.Mistakes as mistakes:
                self.problems += mistakes.problems
            except ValueError as error:
                shown = "" if self.known[path].secret else f", not {given.raw!r}"
                self.reject(path, f"{error}{shown} (from {given.origin})")

        def part(name: str) -> dict[str, Any]:
            return {p.partition(".")[2]: v for p, v in read.items() if p.startswith(f"{name}.")}

        self.read_files(read)
        sections: dict[str, Any] = {f.name: f.default for f in fields(Settings) if is_dataclass(f.default)}
        parts = {name: replace(default, **part(name)) for name, default in sections.items()}
        settings = Settings(
            **parts,
            **{"database": default_database(environ), **{p: v for p, v in read.items() if "." not in p}},
            providers=self.providers(
                environ, parts["gateway"].on_disconnect, parts["timeouts"].all, read.get("upstream")
            ),
            providers_source=self.source(environ, read.get("upstream")),
        )
        self.problems += together.problems(settings, self.given)
        return settings

    def read_files(self, read: dict[str, Any]) -> None:
        """Put what stands in the file that a setting names into the place of the setting it is for."""
        for path in [p for p in read if p.endswith(FILE_SUFFIX)]:
            of = path.removesuffix(FILE_SUFFIX)
            if of in self.given:
                self.reject(path, f"must not be set beside {of}")
                continue
            try:
                read[of] = self.known[of].read(_first_line(Path(read[path]).expanduser()))
            except OSError as error:
                self.reject(path, f"must be readable: {_reason(error)}")
            except ValueError as error:
                self.reject(path, f"must hold the value of {of} in its first line, which {error}")

    def providers(
        self,
        environ: Mapping[str, str],
        leaving: values.Leaving,
        timeouts: Timeouts,
        upstream: str | None,
    ) -> tuple[Provider, ...]:
        own: dict[str, Provider] = {}
        if self.entries is not None:
            found = providers.read_entries(self.entries.raw, environ, leaving, timeouts=timeouts)
            self.problems += found.problems
            own = {p.id: p for p in found.providers}
        for provider in self.json_entries(environ, leaving, timeouts):
            own[provider.id] = provider
        if upstream is not None and not own:
            return ()
        merged = providers.merge(tuple(own.values()), upstream)
        everybody = tuple(
            p
            if p.id in own
            else replace(p, on_disconnect=leaving.what, drain_s=leaving.drain_s, timeouts=timeouts)
            for p in merged
        )
        self.problems += providers.misplaced_fallbacks(everybody)
        return everybody

    def json_entries(
        self, environ: Mapping[str, str], leaving: values.Leaving, timeouts: Timeouts
    ) -> tuple[Provider, ...]:
        """The entries of agent-cli-proxy's document; as there, a bad one is skipped and said."""
        origin = "PROVIDERS_JSON" if environ.get("PROVIDERS_JSON") else "PROVIDERS_CONFIG_PATH"
        source = environ.get(origin)
        if not source:
            return ()
        try:
            if origin == "PROVIDERS_CONFIG_PATH":
                source = Path(source).expanduser().read_text(encoding="utf-8")
            document = json.loads(source)
        except (OSError, ValueError) as error:
            self.reject(origin, f"must be a JSON document with providers: {_reason(error)}")
            return ()
        found = providers.read_entries(document, environ, leaving, timeouts=timeouts, camel_case=True)
        for problem in found.problems:
            fields = {"source": origin, "path": problem.path, "issues": problem.message}
            self.notices.append(Notice(INVALID_ENTRY, fields))
        return found.providers

    def source(self, environ: Mapping[str, str], upstream: str | None) -> ProvidersSource:
        """Where the entries of `providers` came from; of several places the one that wins."""
        name, path = "built-in" if upstream is None else "upstream", None
        if self.entries is not None:
            named = self.entries.origin == PROVIDERS_VARIABLE
            name, path = (PROVIDERS_VARIABLE, None) if named else ("configuration", self.file)
        if environ.get("PROVIDERS_CONFIG_PATH"):
            name, path = "PROVIDERS_CONFIG_PATH", environ["PROVIDERS_CONFIG_PATH"]
        if environ.get("PROVIDERS_JSON"):
            name, path = "PROVIDERS_JSON", None
        problems = [n.fields for n in self.notices if n.event == INVALID_ENTRY]
        said = tuple(f"{one['path']}: {one['issues']}" for one in problems)
        return ProvidersSource(name, path, wall_us(), said)

    def warn(self, messages: list[str]) -> None:
        self.notices += [Notice("config.warning", {"message": message}) for message in messages]

    def reject(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    def unknown(self, name: str, near: list[str]) -> None:
        self.reject(name, "is not a setting" + (f"; did you mean {near[0]}?" if near else ""))


def _flatten(document: Mapping[object, object], sections: set[str]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in document.items():
        if name in sections and isinstance(value, Mapping):
            flat.update({f"{name}.{inner}": raw for inner, raw in value.items()})
        elif name in sections and value is None:
            continue
        else:
            flat[str(name)] = value
    return flat


def _first_line(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        # Its own message would show some bytes of it.
        raise ValueError("must be UTF-8") from None
    return lines[0].strip() if lines else ""


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
