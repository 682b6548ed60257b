"""A control API as a client of it: asked with the credentials of the configuration, which go nowhere else."""

import base64
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import typer

from wellhead.config.control_settings import ControlSettings
from wellhead.errors import WellheadError

ANSWER_MAX_S = 120.0
ANSWER_BYTES_MAX = 256 * 1024 * 1024
JSON, TEXT = "application/json", "text/plain"
TOO_LARGE = "REPORT_TOO_LARGE"


class ApiTrouble(WellheadError):
    """The control API did not answer as it should."""


class TooLarge(ApiTrouble):
    """What was asked for has more lines than an answer: the range has to be a shorter one."""


@dataclass(frozen=True, slots=True)
class Api:
    """A control API, and what one needs to be let in."""

    url: str
    headers: Mapping[str, str]

    def get(self, path: str, accept: str = JSON, **parameters: str) -> bytes:
        """The body of an answer; raises `ApiTrouble` for anything but a 200."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(  # noqa: S310  (the scheme was looked at)
            self.url + path + query, headers={**self.headers, "accept": accept}
        )
        try:
            with _OPENER.open(request, timeout=ANSWER_MAX_S) as answer:
                body: bytes = answer.read(ANSWER_BYTES_MAX + 1)
        except urllib.error.HTTPError as error:
            raise self._refusal(path, error) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ApiTrouble(
                f"{self.url} does not answer: {reason}; is `wellhead control` running there?"
            ) from None
        if len(body) > ANSWER_BYTES_MAX:
            raise ApiTrouble(f"GET {path}: the answer is longer than {ANSWER_BYTES_MAX} bytes")
        return body

    def json(self, path: str, **parameters: str) -> Any:
        try:
            return json.loads(self.get(path, **parameters))
        except ValueError:
            raise ApiTrouble(f"GET {path}: the answer is no JSON; is this a control API?") from None

    def _refusal(self, path: str, error: urllib.error.HTTPError) -> Exception:
        with error:
            try:
                said = json.loads(error.read(65_536))
                code, text = str(said["code"]), str(said["error"])
            except (ValueError, LookupError, TypeError, OSError):
                code, text = "", "it gave no reason"
        if code == TOO_LARGE:
            return TooLarge(f"GET {path}: {text}")
        hint = (
            "; it takes the credentials of this configuration (`control`)" if error.code in (401, 403) else ""
        )
        return ApiTrouble(f"GET {path}: it answered {error.code}: {text.rstrip('.')}{hint}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the credentials somewhere else."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


def api(url: str, control: ControlSettings) -> Api:
    """The API at an address, with the operator's credentials from the configuration."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise typer.BadParameter("--api must be an address such as http://127.0.0.1:8081")
    if "@" in parts.netloc:  # not repeated
        raise typer.BadParameter("--api takes no password: those of the configuration are used")
    return Api(url.rstrip("/"), _credentials(control))


def _credentials(control: ControlSettings) -> dict[str, str]:
    if control.admin_token:
        return {"x-admin-token": control.admin_token}
    for user, password in (
        (control.admin_user, control.admin_password),
        (control.basic_user, control.basic_password),
    ):
        if user and password:
            both = base64.b64encode(f"{user}:{password}".encode()).decode()
            return {"authorization": f"Basic {both}"}
    return {}
