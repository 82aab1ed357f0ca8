"""An operator with the admin token: calls the admin API of a gateway in tests."""

import json
from dataclasses import dataclass
from typing import Any

from tests.gateway.caller import Answer
from tests.gateway.process import Gateway

ADMIN_TOKEN = "admin-token-of-the-operator"
API = "/admin/api"


@dataclass(frozen=True, slots=True)
class Administrator:
    gateway: Gateway
    token: str | None = ADMIN_TOKEN

    def ask(self, method: str, path: str, document: object = None, **headers: str) -> Answer:
        """`path` below the API's own; header names with `_` for `-`."""
        shown = {"authorization": f"Bearer {self.token}"} if self.token else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {} if document is None else {"content-type": "application/json"}
        body = b"" if document is None else json.dumps(document).encode()
        return self.gateway.call(method, API + path, [*{**shown, **content, **named}.items()], body)

    def get(self, path: str) -> Any:
        return self.done(self.ask("GET", path))

    def post(self, path: str, document: object = None, **headers: str) -> Any:
        return self.done(self.ask("POST", path, document, **headers))

    def done(self, answer: Answer) -> Any:
        assert answer.status < 300, (answer.status, answer.body)
        return answer.json() if answer.body else None
