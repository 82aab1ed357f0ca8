"""The admin API: who may call it, what it makes and switches, and that this holds at once and after a restart."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from tests.gateway import caller
from tests.gateway.administrator import ADMIN_TOKEN, API, Administrator
from tests.gateway.conftest import (
    CALLER_KEY,
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    ask_chat,
    chat_body,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Config, Gateway
from tests.upstreams.server import json_reply

CREDENTIAL = "sk-credential-given-at-run-time"
MINE = "sk-secret-of-mine-1"
GUIDE = {
    "name": "deepseek",
    "model_mappings": [
        {"from": "claude-sonnet-4-5", "to": "deepseek-reasoner"},
        {"from": "claude-haiku-4-5", "to": "deepseek-chat"},
    ],
}


def administered(upstreams: Upstreams, **server: object) -> Config:
    channels = [anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)]
    return config_of(channels, server={"admin": {"token": ADMIN_TOKEN}, **server})


@pytest.fixture(scope="module")
def standing(start_for_module: StartGateway, standing_upstreams: Upstreams) -> Gateway:
    return start_for_module(administered(standing_upstreams), way="serve")


@pytest.fixture
def admin(standing: Gateway, upstreams: Upstreams) -> Administrator:
    return Administrator(standing)


def routes(admin: Administrator) -> Iterator[tuple[str, str]]:
    """Each method and path of the document, with something in the place of each parameter."""
    document = admin.get("/openapi.json")
    for path, operations in document["paths"].items():
        for method in operations:
            yield method.upper(), re.sub(r"\{\w+\}", "x", path).removeprefix(API)


# -- who may call


@pytest.mark.parametrize("token", [None, "wrong", CALLER_KEY, ""])
def test_no_route_answers_without_the_admin_token(admin, token):
    stranger = Administrator(admin.gateway, token)
    found = list(routes(admin))
    statuses = {stranger.ask(method, path, {}).status for method, path in found}

    assert len(found) > 35
    assert statuses <= {401, 429}
    assert stranger.ask("GET", "/nothing").status in (401, 429)
    assert admin.get("/keys")["items"]


def test_wrong_token_is_told_to_wait_after_a_few_attempts_and_the_right_one_is_not(admin):
    stranger = Administrator(admin.gateway, "another wrong one")
    answers = [stranger.ask("GET", "/keys") for _ in range(7)]

    assert [401] * 5 + [429] * 2 == [each.status for each in answers]
    assert 0 < int(str(answers[-1].header("retry-after"))) <= 60
    assert 200 == admin.ask("GET", "/keys").status


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"host": "evil.example"},
    ],
)
def test_request_that_another_site_sent_is_refused_even_with_the_token(admin, headers):
    given = {
        "authorization": f"Bearer {ADMIN_TOKEN}",
        **{name.replace("_", "-"): each for name, each in headers.items()},
    }
    answer = raw_call(admin, "POST", "/keys", given, b'{"name": "from another site"}')

    assert 403 == answer.status
    assert "from another site" not in json.dumps(admin.get("/keys"))


def raw_call(admin: Administrator, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> caller.Answer:
    """With a Host of the caller's choice."""
    whole = {"host": f"127.0.0.1:{admin.gateway.port}", "content-length": str(len(body)), **headers}
    lines = [
        f"{method} {API}{path} HTTP/1.1",
        *(f"{name}: {each}" for name, each in whole.items()),
        "connection: close",
    ]
    sent = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    head, _, rest = admin.gateway.network.inside(caller.exchange_bytes, admin.gateway.port, sent).partition(b"\r\n\r\n")
    return caller.Answer(int(head.split()[1]), (), rest)


def test_session_serves_a_page_of_the_gateway_and_nobody_elses(admin):
    begun = admin.ask("POST", "/session")
    cookie = str(begun.header("set-cookie"))
    named = cookie.partition(";")[0]
    own = f"http://127.0.0.1:{admin.gateway.port}"

    assert {"HttpOnly", "SameSite=strict", "Path=/admin"} <= {each.strip() for each in cookie.split(";")}
    assert 200 == raw_call(admin, "GET", "/keys", {"cookie": named}).status
    typed = {"cookie": named, "origin": own, "content-type": "application/json"}
    assert 201 == raw_call(admin, "POST", "/keys", typed, b'{"name": "by session"}').status
    assert 403 == raw_call(admin, "POST", "/keys", {"cookie": named}, b'{"name": "no origin"}').status
    assert 403 == raw_call(admin, "POST", "/keys", {"cookie": named, "origin": "https://evil.example"}).status
    assert 401 == raw_call(admin, "GET", "/keys", {"cookie": "axonhub_session=guessed"}).status

    raw_call(admin, "DELETE", "/session", {"cookie": named, "origin": own})
    assert 401 == raw_call(admin, "GET", "/keys", {"cookie": named}).status


# -- the guide's example


def test_profile_of_the_guide_is_created_assigned_and_switched(admin, upstreams):
    made = admin.post("/keys", {"name": "claude code"})
    admin.post("/profiles", GUIDE)
    admin.post("/keys/claude%20code/profiles", {"profile": "deepseek"})

    assert "claude-sonnet-4-5" == ask_anthropic(admin.gateway, made["key"]).header("x-axonhub-model")

    admin.done(admin.ask("PUT", "/keys/claude%20code/active_profile", {"profile": "deepseek"}))
    sonnet = ask_anthropic(admin.gateway, made["key"])
    haiku = ask_anthropic(admin.gateway, made["key"], messages_body("claude-haiku-4-5"))

    assert [200, 200] == [sonnet.status, haiku.status]
    assert ["deepseek-reasoner", "deepseek-chat"] == [each.json()["model"] for each in upstreams.chat.requests]
    assert upstreams.refusals == []

    admin.done(admin.ask("PUT", "/keys/claude%20code/active_profile", {"profile": None}))
    assert "first" == ask_anthropic(admin.gateway, made["key"]).header("x-axonhub-channel")


# -- life of a channel


def test_channel_is_made_disabled_tested_enabled_and_archived(admin, upstreams):
    draft = {
        "name": "made",
        "type": "openai",
        "base_url": f"{upstreams.chat.url}/v1",
        "api_keys": [CREDENTIAL],
        "supported_models": ["new-model"],
    }
    made = admin.post("/channels", draft)
    refused = ask_chat(admin.gateway, body=chat_body("new-model"))
    (trial,) = admin.post("/channels/made/test")["results"]

    assert "disabled" == made["status"]
    assert 503 == refused.status
    assert (True, "Said by Chat.", "new-model") == (trial["success"], trial["text"], trial["model"])
    assert trial["latency_ms"] >= trial["first_token_ms"] >= 0
    assert f"Bearer {CREDENTIAL}" == upstreams.chat.requests[-1].header("authorization")
    assert "test" == stored(admin, trial["request_id"])["source"]

    admin.post("/channels/made/enable")
    assert 200 == ask_chat(admin.gateway, body=chat_body("new-model")).status

    admin.post("/channels/made/archive")
    assert 404 == ask_chat(admin.gateway, body=chat_body("new-model")).status
    assert "made" not in {each["name"] for each in admin.get("/channels")["items"]}
    assert "made" in {each["name"] for each in admin.get("/channels?status=archived")["items"]}


def stored(admin: Administrator, request_id: str) -> dict[str, object]:
    admin.gateway.wait_until(lambda: admin.ask("GET", f"/requests/{request_id}").status == 200, "it is in the store")
    return admin.get(f"/requests/{request_id}")  # type: ignore[no-any-return]


def test_stored_request_is_replayed_elsewhere_and_compared(admin):
    first = ask_anthropic(admin.gateway).header("x-axonhub-request-id")
    stored(admin, first)

    done = admin.post(f"/requests/{first}/replay", {"channel": "second", "model": "gpt-4.1"})
    again = stored(admin, done["request_id"])
    both = admin.get(f"/requests/{first}/compare/{done['request_id']}")

    assert (200, "second", first) == (done["status"], done["channel"], done["replay_of"])
    assert ("replay", first, "gpt-4.1") == (again["source"], again["replay_of"], again["used_model"])
    assert ["first", "second"] == [side["channel"] for side in both["sides"]]
    assert 404 == admin.ask("POST", "/requests/req_unknown/replay", {}).status
    assert 404 == admin.ask("GET", f"/requests/{first}/compare/req_unknown").status


def test_test_tells_what_is_wrong_and_what_to_do(admin, upstreams):
    upstreams.chat.script = lambda request: json_reply(401, {"error": {"message": "Incorrect API key provided."}})
    (trial,) = admin.post("/channels/second/test", {"model": "gpt-4.1"})["results"]
    (unserved,) = admin.post("/channels/second/test", {"model": "claude-sonnet-4-5"})["results"]

    assert not trial["success"]
    assert "does not accept the channel's credential" in trial["error"]
    assert "api_keys" in trial["advice"]
    assert 1 == len(upstreams.chat.requests)
    assert "supported_models" in unserved["advice"]


def test_stream_is_tried_where_the_channel_takes_nothing_else(admin, upstreams):
    draft = {
        **{key: each for key, each in chat_channel(upstreams.chat).items() if key != "name"},
        "name": "streams only",
        "policies": {"stream": "require"},
    }
    admin.post("/channels", draft)
    (trial,) = admin.post("/channels/streams%20only/test")["results"]

    assert trial["success"], trial
    assert upstreams.chat.requests[-1].json()["stream"] is True
    assert "Said by Chat." == trial["text"]


def test_each_credential_is_tried_by_itself_and_shown_masked(admin, upstreams):
    keys = ["sk-the-first-of-the-credentials", "sk-the-other-of-the-credentials"]
    draft = {"name": "two keys", "type": "openai", "base_url": f"{upstreams.chat.url}/v1", "api_keys": keys}
    admin.post("/channels", {**draft, "supported_models": ["gpt-4.1"]})
    answer = admin.post("/channels/two%20keys/test", {"all_keys": True})

    assert ["sk-t****ials", "sk-t****ials"] == [each["credential"] for each in answer["results"]]
    assert {f"Bearer {each}" for each in keys} == {each.header("authorization") for each in upstreams.chat.requests}


# -- writing


def test_change_with_an_old_version_is_refused(admin):
    shown = admin.ask("GET", "/channels/first")
    assert f'"{shown.json()["version"]}"' == shown.header("etag")

    changed = admin.ask("PATCH", "/channels/first", {"status": "disabled"}, if_match=str(shown.header("etag")))
    stale = admin.ask("PATCH", "/channels/first", {"status": "archived"}, if_match=str(shown.header("etag")))
    back = admin.ask("POST", "/channels/first/enable", if_match=str(changed.header("etag")))

    assert [200, 412, 200] == [changed.status, stale.status, back.status]


def test_same_idempotency_key_makes_one_key_and_tells_it_again(admin):
    first = admin.post("/keys", {"name": "once"}, idempotency_key="k-1")
    again = admin.post("/keys", {"name": "once"}, idempotency_key="k-1")
    other = admin.ask("POST", "/keys", {"name": "twice"}, idempotency_key="k-1")

    assert first == again
    assert 409 == other.status
    assert 1 == [each["name"] for each in admin.get("/keys?q=once")["items"]].count("once")


def test_lists_come_in_pages(admin):
    for number in range(5):
        admin.post("/prices", {"model": f"paged-{number}", "input": 1, "output": 2})
    seen, cursor = [], ""
    while cursor is not None:
        page = admin.get(f"/prices?limit=2{cursor and f'&cursor={cursor}'}")
        seen += [each["model"] for each in page["items"]]
        cursor = page["cursor"]

    assert [f"paged-{number}" for number in range(5)] == [each for each in seen if each.startswith("paged-")]
    assert 422 == admin.ask("GET", "/prices?cursor=elsewhere").status


@pytest.mark.parametrize(
    ("path", "document", "word"),
    [
        ("/channels", {"name": "x", "type": "openai", "api_keys": [MINE], "weight": MINE}, "weight"),
        ("/channels", {"name": "x", "type": "claude-code", "api_keys": [MINE]}, "sk-ant"),
        ("/profiles", {"name": "x", "model_mappings": [{"from": "(a+)+", "to": "b"}]}, "regex"),
        ("/keys", {"name": "x", "profiles": ["nothing"]}, "nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_words_that_hold_no_secret(admin, path, document, word):
    answer = admin.ask("POST", path, document)

    assert answer.status in (404, 422)
    assert word in str(answer.error()["message"])
    assert MINE.encode() not in answer.body


def test_too_large_a_body_is_refused(admin):
    assert 413 == admin.ask("POST", "/keys", {"name": "x" * 2_000_000}).status


# -- looking on


def test_listener_hears_of_a_request_and_of_a_change(admin, upstreams):
    headers = [("authorization", f"Bearer {ADMIN_TOKEN}")]
    with caller.calling(admin.gateway.port, "GET", f"{API}/events", headers) as live:
        live.until(b": listening\n\n")
        answer = ask_anthropic(admin.gateway)
        heard = live.until(b"request.finished").decode()
        admin.post("/channels/second/disable")
        heard += live.until(b"event: configuration").decode()
    admin.post("/channels/second/enable")

    assert "text/event-stream" in str(dict(live.headers)["content-type"])
    assert str(answer.header("x-axonhub-request-id")) in heard


def test_requests_traces_threads_usage_and_bodies_are_told(admin, upstreams):
    headers = [("x-api-key", CALLER_KEY), ("ah-trace-id", "trace-of-the-test"), ("ah-thread-id", "thread-of-the-test")]
    answer = admin.gateway.call("POST", "/v1/messages", headers, messages_body())
    request_id = str(answer.header("x-axonhub-request-id"))
    stored(admin, request_id)

    assert [request_id] == [each["id"] for each in admin.get("/requests?trace_id=trace-of-the-test")["items"]]
    assert [request_id] == [each["id"] for each in admin.get("/traces/trace-of-the-test")["requests"]]
    assert ["trace-of-the-test"] == [each["trace_id"] for each in admin.get("/threads/thread-of-the-test")["items"]]
    assert "trace-of-the-test" in {each["trace_id"] for each in admin.get("/traces?key=me")["items"]}
    assert messages_body() == admin.ask("GET", f"/requests/{request_id}/bodies/request").body
    assert {"first"} <= {each["value"] for each in admin.get("/usage?by=channel")}
    assert {"first"} <= {each["channel"] for each in admin.get("/health")["channels"]}


# -- afterwards


@pytest.mark.parametrize("way", ["serve", "mitmdump"])
def test_what_was_made_outlives_the_gateway_and_no_secret_is_where_it_can_be_seen(start, upstreams, way):
    gateway = start(administered(upstreams), way=way)
    admin = Administrator(gateway)
    made = admin.post("/keys", {"name": "new"})
    admin.post("/profiles", GUIDE)
    admin.post("/keys/new/profiles", {"profile": "deepseek"})
    admin.done(admin.ask("PUT", "/keys/new/active_profile", {"profile": "deepseek"}))
    draft = {"name": "made", "type": "openai", "base_url": f"{upstreams.chat.url}/v1", "api_keys": [CREDENTIAL]}
    admin.post("/channels", {**draft, "supported_models": ["new-model"], "status": "enabled"})
    admin.post("/channels/first/disable")
    gateway.stop()

    later = start(yaml.safe_load(gateway.config_file.read_text("utf-8")), way=way)
    assert "deepseek-reasoner" == ask_anthropic(later, made["key"]).header("x-axonhub-model")
    assert 200 == ask_chat(later, body=chat_body("new-model")).status
    assert 503 == ask_anthropic(later, body=messages_body("claude-opus-4-8")).status
    later.stop()

    files = {file: file.read_bytes() for file in (gateway.folder / "store").rglob("*") if file.is_file()}
    assert ["credentials.json"] == [file.name for file, content in files.items() if CREDENTIAL.encode() in content]
    assert [] == [file for file, content in files.items() if made["key"].encode() in content]
    for text in (gateway.log(), later.log()):
        assert CREDENTIAL not in text
        assert made["key"] not in text
        assert ADMIN_TOKEN not in text


def test_base_path_is_in_front_of_the_admin_api_too(start, upstreams):
    gateway = start(administered(upstreams, base_path="/ai"), way="serve")
    headers = [("authorization", f"Bearer {ADMIN_TOKEN}")]

    assert 200 == gateway.call("GET", "/ai/admin/api/keys", headers).status
    assert [{"url": "/ai"}] == gateway.call("GET", "/ai/admin/api/openapi.json", headers).json()["servers"]


def test_name_is_explained_with_what_is_known_of_each_channel_now(admin, upstreams):
    upstreams.chat.script = lambda request: json_reply(503, {"error": {"message": "Overloaded."}})
    ask_chat(admin.gateway)
    told = admin.get("/explain?model=gpt-4.1&key=me")

    assert ["second"] == [each["channel"] for each in told["candidates"]]
    assert {"first"} <= {each["channel"] for each in told["out"]}
    assert "failure" in json.dumps(told["candidates"])
    assert 404 == admin.ask("GET", "/explain?model=gpt-4.1&key=nobody").status


def test_quota_of_a_key_is_made_with_it_and_told(admin, upstreams):
    made = admin.post("/keys", {"name": "limited", "quota": {"requests": 1, "period": {"calendar": "day"}}})
    statuses = [ask_anthropic(admin.gateway, made["key"]).status for _ in range(2)]
    admin.gateway.wait_until(lambda: admin.get("/quotas?key=limited")[0]["exhausted"] is not None, "it is told")

    assert [200, 429] == statuses


def test_enabled_channels_are_probed_only_when_that_is_wanted(start, upstreams):
    config = administered(upstreams)
    demo = {"name": "demo", "type": "demo", "priority": 9}
    gateway = start({**config, "channels": [*config["channels"], demo]}, way="serve")  # type: ignore[misc]
    admin = Administrator(gateway)
    admin.post("/channels/second/disable")
    ask_anthropic(gateway)
    assert 1 == len(upstreams.anthropic.requests)

    gateway.edit(probe={"interval": "1s"})
    gateway.wait_until(lambda: bool(admin.get("/requests?source=probe")["items"]), "a probe is in the store")

    found = admin.get("/requests?source=probe")["items"]
    assert {"first"} == {each["channel"] for each in found}
    assert upstreams.chat.requests == []


def test_flows_that_a_person_or_a_file_may_see_hold_no_body_of_the_admin_api(start, upstreams, tmp_path):
    file = tmp_path / "flows"
    gateway = start(administered(upstreams), way="mitmdump", arguments=("-w", str(file)))
    admin = Administrator(gateway)
    made = admin.post("/keys", {"name": "new"})
    draft = {"name": "made", "type": "openai", "base_url": f"{upstreams.chat.url}/v1", "api_keys": [CREDENTIAL]}
    admin.post("/channels", draft)
    gateway.stop()

    kept = file.read_bytes()
    assert b"/admin/api/channels" in kept
    for secret in (CREDENTIAL, made["key"], ADMIN_TOKEN):
        assert secret.encode() not in kept


def test_dry_run_shows_what_overrides_make_of_a_request_and_sends_nothing(admin, upstreams):
    overrides = {"body_override_operations": [{"op": "set", "path": "temperature", "value": 0}]}
    draft = {"name": "overriding", "type": "openai", "base_url": f"{upstreams.chat.url}/v1", "settings": overrides}
    admin.post("/channels", {**draft, "supported_models": ["gpt-4.1"]})
    told = admin.post("/channels/overriding/dry-run", {"model": "gpt-4.1"})

    assert 0 == told["body"]["after"]["temperature"]
    assert "temperature" not in told["body"]["before"]
    assert 422 == admin.ask("POST", "/channels/first/dry-run", {}).status
    assert upstreams.were_left_alone()


def test_models_of_a_key_are_those_that_lead_somewhere(admin):
    assert {"gpt-4.1", "claude-opus-4-8"} <= set(admin.get("/models?key=me"))
