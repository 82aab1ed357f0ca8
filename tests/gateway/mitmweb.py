"""mitmweb as a person's browser uses it, without the browser."""

import json
from collections.abc import Mapping

from tests.gateway.caller import Answer, Headers, call
from tests.gateway.process import Gateway, wait_until

PASSWORD = "password-of-the-web-page"
_XSRF = "any-value-that-is-the-same-twice"
_HEADERS: Headers = (
    ("authorization", f"Bearer {PASSWORD}"),
    ("cookie", f"_mitmproxy_xsrf={_XSRF}"),
    ("x-xsrftoken", _XSRF),
    ("content-type", "application/json"),
)

type Flow = dict[str, object]


class Mitmweb:
    """Of a gateway with `inspection: {web_password: PASSWORD}`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def flows(self) -> list[Flow]:
        found = json.loads(self._call("GET", "/flows").body)
        assert isinstance(found, list)
        return found

    def wait_for(self, what: str, **members: object) -> Flow:
        """The latest flow that has all of these members."""
        found: list[Flow] = []

        def there() -> bool:
            found[:] = [each for each in self.flows() if members.items() <= each.items()]
            return bool(found)

        wait_until(there, what, lambda: f"flows: {json.dumps(self.flows())[:3000]}")
        return found[-1]

    def text(self, flow: Flow, message: str, view: str = "Auto") -> str:
        """What the page shows of the `request` or the `response`."""
        return str(json.loads(self._call("GET", f"/flows/{flow['id']}/{message}/content/{view}").body)["text"])

    def content(self, flow: Flow, message: str) -> bytes:
        return self._call("GET", f"/flows/{flow['id']}/{message}/content.data").body

    def edit(self, flow: Flow, **changes: object) -> None:
        """Such as `request={"content": "…"}`."""
        self._call("PUT", f"/flows/{flow['id']}", changes)

    def resume(self, flow: Flow) -> None:
        self._call("POST", f"/flows/{flow['id']}/resume")

    def kill(self, flow: Flow) -> None:
        self._call("POST", f"/flows/{flow['id']}/kill")

    def clear(self) -> None:
        """The list."""
        self._call("POST", "/clear")

    def set_options(self, **options: object) -> None:
        self._call("PUT", "/options", options)

    def command(self, name: str, *arguments: str) -> object:
        """A command's value. AssertionError with its words where it refuses."""
        said = json.loads(self._call("POST", f"/commands/{name}", {"arguments": list(arguments)}).body)
        assert "error" not in said, said
        return said.get("value")

    def _call(self, method: str, target: str, body: Mapping[str, object] | None = None) -> Answer:
        sent = b"" if body is None else json.dumps(body).encode()
        answer = call(self._gateway.web_port, method, target, _HEADERS, sent)
        assert answer.status < 400, (method, target, answer.status, answer.body)
        return answer
