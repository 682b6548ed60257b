"""HTTP Basic authentication, in force when a user and a password are configured."""

import base64
import binascii
import hashlib
import hmac

from fastapi import HTTPException
from fastapi.security import HTTPBasic
from starlette.requests import HTTPConnection

from wellhead.control.failures import Responses, described
from wellhead.control.options import ControlOptions

CHALLENGE = {"www-authenticate": 'Basic realm="Wellhead", charset="UTF-8"'}
NEEDED = "User and password are needed here (control.basic_user and control.basic_password)."
UNAUTHORIZED: Responses = {
    401: described("Credentials are configured, and none or wrong ones came.", "UNAUTHORIZED", NEEDED)
}


class Basic(HTTPBasic):
    """A dependency that lets nobody pass without the right credentials.

    Digests are compared, so neither the time nor the length of a wrong guess says
    anything; user and password are always both compared.
    """

    def __init__(self, options: ControlOptions) -> None:
        super().__init__(scheme_name="basic", realm="Wellhead", description="Needed when it is configured.")
        self.expected: bytes | None = None
        if options.basic_user is not None and options.basic_password is not None:
            self.expected = _digest(options.basic_user.encode()) + _digest(options.basic_password.encode())

    async def __call__(self, request: HTTPConnection) -> None:
        if self.expected is None:
            return
        user, _, password = _decoded(request.headers.get("authorization", "")).partition(b":")
        if not hmac.compare_digest(_digest(user) + _digest(password), self.expected):
            raise HTTPException(401, NEEDED, CHALLENGE)


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _decoded(authorization: str) -> bytes:
    scheme, _, encoded = authorization.partition(" ")
    try:
        return base64.b64decode(encoded.strip(), validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        return b""
