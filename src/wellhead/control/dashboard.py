"""`/`: the dashboard's pages, as they were built from `web/`.

The pages are the same for everybody and hold no figures, so they are open; what they
show they ask of the API, with whatever rights the browser has.  Names of assets carry
the hash of their content and may be kept for ever; the page that names them may not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from wellhead.control.roles import OPEN
from wellhead.errors import CallerError

PAGES = Path(__file__).with_name("pages")
INDEX = "index.html"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""Content codings and the files that are in them, the smallest first."""
REFUSED = re.compile(r"q=0(\.0*)?")
FOR_EVER = "public, max-age=31536000, immutable"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
MISSING = (
    "<!doctype html><title>Wellhead</title><p>This Wellhead was installed without its dashboard. "
    "Install it again where the npm registry can be reached; the API is here all the same."
)
ELSEWHERE = {"/_qs/metrics/ui": "../../", "/admin/": "../", "/admin": "./"}
"""Where other systems have their dashboards, and the way from there that works under any path prefix."""


@dataclass(frozen=True, slots=True)
class Page:
    """One file, and its compressed twins."""

    path: Path
    media_type: str
    twins: tuple[tuple[str, Path], ...]

    def chosen(self, accepted: str) -> tuple[str | None, Path]:
        """The smallest form that the browser takes."""
        parts = [part.partition(";") for part in accepted.lower().split(",")]
        said = {coding.strip() for coding, _, weight in parts if REFUSED.fullmatch(weight.strip()) is None}
        return next(((coding, twin) for coding, twin in self.twins if coding in said), (None, self.path))


def add_to(routes: APIRouter, folder: Path = PAGES) -> None:
    """The pages, and ways to them from where other systems had theirs."""
    pages = dict(_found(folder))

    @routes.get("/", dependencies=OPEN, include_in_schema=False)
    def index(request: Request) -> Response:
        if INDEX not in pages:
            return HTMLResponse(MISSING, 503, headers={"content-security-policy": CONTENT_SECURITY_POLICY})
        answer = _sent(pages[INDEX], request)
        answer.headers["content-security-policy"] = CONTENT_SECURITY_POLICY
        return answer

    @routes.get("/assets/{name}", dependencies=OPEN, include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        page = pages.get(f"assets/{name}")
        if page is None:
            raise CallerError(
                "NOT_FOUND", 404, "There is no such asset; load the page again, it may be newer."
            )
        answer = _sent(page, request)
        answer.headers["cache-control"] = FOR_EVER
        return answer

    for path, way in ELSEWHERE.items():
        _add_way(routes, path, way)


def _found(folder: Path) -> Iterator[tuple[str, Page]]:
    """By their paths below the folder; only what was there at start is ever served."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        media_type = guess_type(path.name)[0]
        if path.is_file() and media_type is not None and not path.name.endswith((".br", ".gz")):
            twins = ((coding, path.with_name(path.name + ending)) for coding, ending in ENCODINGS)
            yield (
                path.relative_to(folder).as_posix(),
                Page(path, media_type, tuple(one for one in twins if one[1].exists())),
            )


def _add_way(routes: APIRouter, path: str, way: str) -> None:
    @routes.get(path, dependencies=OPEN, include_in_schema=False, name=path)
    def elsewhere() -> Response:
        return RedirectResponse(way, 307)


def _sent(page: Page, request: Request) -> Response:
    coding, path = page.chosen(request.headers.get("accept-encoding", ""))
    headers = {"vary": "accept-encoding"} | ({"content-encoding": coding} if coding is not None else {})
    return FileResponse(path, headers=headers, media_type=page.media_type)
