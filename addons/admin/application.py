"""The admin API put together: routes, what every answer has in common, and the document that describes them."""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from axonhub.addons.admin import (
    channels,
    keys,
    live,
    overrides,
    prices,
    profiles,
    records,
    replays,
    routing,
    session,
    status,
)
from axonhub.addons.admin.backroom import Backroom, answers
from axonhub.addons.config.validation import Fault, message_of
from axonhub.addons.internal import Application, Message, Receive, Send
from axonhub.addons.runtime.refusals import Refused

PREFIX = "/admin/api"
DESCRIPTION = """Manages a running gateway. Every call needs `Authorization: Bearer ADMIN_TOKEN`.

What is made here is kept beside config.yml and in force for the next request; what config.yml declares is edited there,
but for its status and its active profile. Changes take `If-Match` with the version that they are meant for; creation
takes `Idempotency-Key`. Lists come in pages: hand the `cursor` of one page in for the next."""


def application(backroom: Backroom) -> Application:
    """ASGI 3. Expects paths without the name under which `Internal` serves it."""
    api = FastAPI(
        title="AxonHub admin API",
        version="1",
        description=DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=True,
        servers=[{"url": backroom.settings.config.server.base_path or "/"}],
        responses=answers(),
        redirect_slashes=False,
    )
    api.state.backroom = backroom
    for module in (status, keys, profiles, channels, overrides, prices, records, replays, routing, live, session):
        api.include_router(module.router, prefix=PREFIX)
    api.add_exception_handler(Refused, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    return _below("/admin", api)


def _below(prefix: str, api: FastAPI) -> Application:
    async def called(scope: Message, receive: Receive, send: Send) -> None:
        path = prefix + scope["path"]
        await api({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return called


def _problem(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return _problem(error.status, error.code, error.message)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Never with what was given: it may hold a credential."""
    assert isinstance(error, RequestValidationError)
    return _problem(422, "invalid", "; ".join(_words(each) for each in error.errors()))


def _words(fault: dict[str, object]) -> str:
    place = fault["loc"] if isinstance(fault["loc"], Sequence) else ()
    context = fault.get("ctx")
    made = Fault(str(fault["type"]), list(place), str(fault["msg"]), context if isinstance(context, dict) else {})
    named = ".".join(map(str, [each for each in place if each != "body"]))
    return f"{named}: {message_of(made)}".removeprefix(": ")


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed"}
    answer = _problem(error.status_code, codes.get(error.status_code, "invalid"), str(error.detail))
    answer.headers.update(error.headers or {})
    return answer
