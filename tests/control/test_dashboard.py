"""The dashboard's pages are open, go out in the smallest form, and let nothing of others' run in them."""

import gzip
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import httpx
import pytest
from fastapi import FastAPI

from fakes.control import a_client, an_app
from wellhead.control import dashboard, failures
from wellhead.control.app import ControlOptions
from wellhead.control.roles import Door

INDEX = '<!doctype html><script type="module" src="./assets/index-abc.js"></script>'
SCRIPT = "export const wellhead = 1;\n" * 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "built-from").write_text("not a page")
    script = tmp_path / "assets/index-abc.js"
    script.write_text(SCRIPT)
    script.with_name("index-abc.js.br").write_bytes(brotli.compress(SCRIPT.encode()))
    script.with_name("index-abc.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    return tmp_path


def pages_of(folder: Path) -> FastAPI:
    app = FastAPI(redirect_slashes=False, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.route_class = Door
    app.state.operators = an_app().state.operators
    failures.install(app)
    dashboard.add_to(app.router, folder)
    return app


async def asked(app: FastAPI, path: str, accepted: str = "identity") -> httpx.Response:
    async with a_client(app) as client:
        return await client.get(path, headers={"accept-encoding": accepted})


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP;q=0.8, br;q=0", "gzip"),
        ("br;q=0.0", None),
        ("identity", None),
        ("", None),
    ],
)
async def test_an_asset_goes_out_in_the_smallest_form_that_the_browser_takes(
    folder: Path, accepted: str, coding: str | None
) -> None:
    answer = await asked(pages_of(folder), "/assets/index-abc.js", accepted)
    assert (answer.status_code, answer.text) == (200, SCRIPT)
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["content-type"].startswith("text/javascript")


async def test_assets_may_be_kept_for_ever_and_the_page_that_names_them_may_not(folder: Path) -> None:
    app = pages_of(folder)
    kept = await asked(app, "/assets/index-abc.js")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "cache-control" not in (await asked(app, "/")).headers  # the guard says no-store then
    assert (await asked(an_app(), "/")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/missing.js",
        "/assets/..%2findex.html",
        "/assets/..%2f..%2fdashboard.py",
        "/assets/index-abc.js.br",
        "/assets/",
        "/built-from",
        "/index.html",
    ],
)
async def test_nothing_but_pages_is_ever_sent(folder: Path, path: str) -> None:
    assert (await asked(pages_of(folder), path)).status_code == 404


async def test_only_scripts_of_our_own_run_in_the_page(folder: Path) -> None:
    policy = (await asked(pages_of(folder), "/")).headers["content-security-policy"]
    said = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert said["default-src"] == "'none'"
    assert (said["script-src"], said["style-src"], said["connect-src"]) == ("'self'",) * 3
    assert said["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/_qs/metrics/ui", "/admin/", "/admin"])
@pytest.mark.parametrize("prefix", ["", "/tools/wellhead"])
async def test_where_others_had_their_dashboards_one_is_sent_to_ours_under_any_prefix(
    folder: Path, path: str, prefix: str
) -> None:
    answer = await asked(pages_of(folder), path)
    assert answer.status_code == 307
    seen = httpx.URL(f"https://example.org{prefix}{path}")
    assert seen.join(answer.headers["location"]).path == f"{prefix}/"


async def test_pages_are_open_where_everything_they_show_needs_a_password() -> None:
    app = an_app(options=ControlOptions(basic_user="ann", basic_password="secret"))
    assert (await asked(app, "/")).status_code != 401
    assert (await asked(app, "/admin/stats")).status_code == 401


async def test_an_installation_without_pages_says_what_to_do(tmp_path: Path) -> None:
    answer = await asked(pages_of(tmp_path), "/")
    assert answer.status_code == 503
    assert "Install it again" in answer.text
