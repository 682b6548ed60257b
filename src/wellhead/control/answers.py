"""How the OpenAPI document describes what comes back when something does not work.

Also the way to the next page for answers that are bare lists: a `Link` header.
"""

from fastapi import Request, Response

from wellhead.control.failures import Responses, described
from wellhead.control.operators import REFUSALS

POSSIBLE: Responses = {
    400: described(
        "Something in the request cannot be used; `details` says where.",
        "VALIDATION_FAILED",
        "The request is not valid: body: there is no field `nmae`; perhaps `name` was meant.",
    ),
    404: described("There is nothing with this id.", "NOT_FOUND", "There is no such key."),
    409: described("It does not go together with what is there.", "CONFLICT", "The key is revoked."),
    503: described("The books do not answer now.", "BOOKS_UNAVAILABLE", "The books do not answer now."),
}


def failing(*statuses: int) -> Responses:
    """The errors of a route that needs a role and asks the registry."""
    return {**REFUSALS, **{status: POSSIBLE[status] for status in (*statuses, 503)}}


def link_next(request: Request, response: Response, next_id: int | None) -> None:
    """Say in a header where the next page is, where the body has no place for it."""
    if next_id is not None:
        link_to(request, response, after=next_id)


def link_to(request: Request, response: Response, **parameters: int) -> None:
    """The same for any parameters that lead there."""
    url = request.url.include_query_params(**parameters)
    response.headers["link"] = f'<{url.path}?{url.query}>; rel="next"'
