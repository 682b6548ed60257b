"""What the OpenAPI document says is what the control plane does: every endpoint is asked all sorts of things.

Requests that fit the document, and others that do not, at a real server with real books in
which there are calls, a project, keys, limits and a credential; also what changes things,
as an admin.  The same requests each time.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fakes.books import NOON_US
from fakes.control import an_app, the_document
from fakes.served import Served
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.reports import DatabaseReports
from wellhead.database.upgrade import upgrade
from wellhead.demo import history
from wellhead.vault import Vault

ASKED = 4
"""Times that each endpoint is asked in each way."""
ANSWER_MAX_S = 20
CALLS = 300
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
AS_IT_COMES = settings(
    max_examples=ASKED,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
DOCUMENT: dict[str, Any] = json.loads(json.dumps(the_document()))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}


@dataclass
class Asking:
    """A control plane that runs, and ids of what is in its books."""

    url: str
    session: requests.Session
    known: dict[str, Any]
    """By the beginning of a path."""

    def known_id(self, path: str) -> Any:
        return next((id_ for begins, id_ in self.known.items() if path.startswith(begins)), None)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    url = f"sqlite:///{tmp_path_factory.mktemp('books') / 'books.db'}"
    upgrade(url)
    history.write(url, NOON_US, count=CALLS)
    engine = make_engine(url)
    registry = DatabaseRegistry(engine, lambda: Vault(bytes(32)), lambda: NOON_US)
    with Served(an_app(DatabaseReports(engine), registry=registry)) as served, requests.Session() as session:
        made = Asking(f"http://127.0.0.1:{served.port}", session, {})
        _fill(made)
        yield made
    engine.dispose()


def _fill(asking: Asking) -> None:
    def make(path: str, **body: Any) -> Any:
        answer = asking.session.post(asking.url + path, json=body, timeout=ANSWER_MAX_S)
        assert answer.ok, answer.text
        return answer.json()["id"]

    project = make("/admin/projects", name="water")
    limit = {"scope": {"kind": "global"}, "measure": "calls", "window": "hour", "amount": 5}
    (call,) = asking.session.get(f"{asking.url}/admin/logs?limit=1", timeout=ANSWER_MAX_S).json()
    asking.known = {
        "/admin/projects/": project,
        "/manage/projects/": project,
        "/admin/keys/": make("/admin/keys", name="laptop", project_id=project),
        "/admin/api-keys/": make("/admin/api-keys", name="desktop"),
        "/manage/tokens/": make("/manage/tokens", project_id=project, duration_minutes=5),
        "/admin/credentials/": make("/admin/credentials", provider="openai", name="main", secret="s"),
        "/admin/limits/": make("/admin/limits", **limit),
        "/admin/logs/": call["id"],
    }


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fits", "does not fit"]
)
@pytest.mark.parametrize("label", OPERATIONS)
def test_an_endpoint_does_what_is_written_of_it(asking: Asking, label: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[label]
    known_id = asking.known_id(operation.path)

    @AS_IT_COMES
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def ask(case: schemathesis.Case[Any], is_known: bool) -> None:
        if is_known and known_id is not None and mode is GenerationMode.POSITIVE:
            case.path_parameters["id"] = known_id
        answer = case.call(base_url=asking.url, session=asking.session, timeout=ANSWER_MAX_S)
        case.validate_response(answer, checks=CHECKS)
        # `default` stands for what nobody foresaw; that an answer comes at all is no accident.
        assert str(answer.status_code) in DOCUMENT["paths"][operation.path][operation.method]["responses"]

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "there is nothing that fits"


def test_everything_in_the_document_is_asked() -> None:
    of_document = [
        f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods
    ]
    assert sorted(OPERATIONS) == sorted(of_document)
    assert len(of_document) > 60
