"""What a large configuration costs: 300 channels and 1,000 keys, to check and at each request.

Times are CPU of this process or of the command, so that other work on the machine counts little. Limits are those that
the project promises; see docs/benchmarks.md.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

import tests.conftest  # noqa: F401  # claims the import name
from axonhub.addons.config import ApiKey, Config, load_config
from axonhub.addons.errors import GatewayError
from axonhub.addons.exchange import Exchange, TraceIds
from axonhub.addons.health import Health
from axonhub.addons.offering import offered
from axonhub.addons.ranking import ranked
from axonhub.addons.reading import load
from axonhub.addons.remapping import wanted_model
from axonhub.addons.routes import claim

CHANNELS, KEYS = 300, 1000
CHECK_LIMIT_S = 2.0
SELECTION_LIMIT_MS = 1.0


def configuration(channels: int, keys: int) -> Mapping[str, object]:
    """Every model on ten channels, `common` on all; each key with two profiles of regexes."""
    return {
        "api_keys": [key(number) for number in range(keys)],
        "channels": [channel(number, channels) for number in range(channels)],
    }


def channel(number: int, channels: int) -> Mapping[str, object]:
    group = number % max(1, channels // 10)
    return {
        "name": f"channel-{number}",
        "type": ("openai", "anthropic", "deepseek", "gemini")[number % 4],
        "api_keys": [f"sk-{number}-a", f"sk-{number}-b"],
        "supported_models": [*(f"model-{group}-{index}" for index in range(10)), "common"],
        "model_mappings": [{"from": f"alias-{group}-.*", "to": f"model-{group}-0"}],
        "priority": number % 3,
        "tags": [f"tag-{group}"],
    }


def key(number: int) -> Mapping[str, object]:
    mappings = [
        {"from": "claude-sonnet-.*", "to": f"model-{number % 30}-1"},
        {"from": "claude-haiku-.*", "to": f"alias-{number % 30}-x"},
        {"from": "gpt-.*", "to": "common"},
    ]
    profiles = [{"name": "one", "model_mappings": mappings}, {"name": "two", "model_mappings": mappings[::-1]}]
    return {"name": f"key-{number}", "key": f"ah-{number:06}", "active_profile": "one", "profiles": profiles}


def check_s(file: Path) -> tuple[float, float]:
    """CPU and elapsed seconds of `axonhub check`."""
    before, started_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = Path(sys.executable).with_name("axonhub")
    subprocess.run([command, "--config", file, "check"], check=True, stdout=subprocess.DEVNULL)
    after, elapsed_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started_s
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, elapsed_s


def selection_ms(config: Config, model: str, rounds: int) -> float:
    """CPU of one request's selection: the profile's mapping, the candidates, their scores and order. The median."""
    health, keys = Health(), config.api_keys
    for number in range(200):
        health.began(f"channel-{number}", "common", float(number))
    return statistics.median(
        once_ms(config, keys[number % len(keys)], model, number, health) for number in range(rounds)
    )


def once_ms(config: Config, api_key: ApiKey, model: str, number: int, health: Health) -> float:
    exchange = Exchange(f"req_{number}", 0.0, config, claim("POST", "/v1/messages", {}), "/v1/messages")
    exchange.profile, exchange.asked_model = api_key.profiles[0], model
    exchange.trace = TraceIds(f"trace-{number}")
    started_s = time.thread_time()
    try:
        exchange.wanted_model = wanted_model(exchange.profile, model)
        exchange.candidates = ranked(exchange, "", health, 1000.0)
    except GatewayError:
        pass
    return (time.thread_time() - started_s) * 1000


def listing_ms(config: Config) -> float:
    return timed_ms(lambda: sorted(set(offered(config, config.api_keys[0].profiles[0]))))


def timed_ms(work: Callable[[], object]) -> float:
    started_s = time.thread_time()
    work()
    return (time.thread_time() - started_s) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yml"
        file.write_text(yaml.safe_dump(dict(configuration(CHANNELS, KEYS))), encoding="utf-8")
        cpu_s, elapsed_s = min(check_s(file) for _ in range(3))
        config = load(file).config
        lean = load_config(file, {}).config
    rows = [
        ("`axonhub check`, CPU", f"{cpu_s:.2f} s", f"{CHECK_LIMIT_S:g} s", cpu_s < CHECK_LIMIT_S),
        ("`axonhub check`, elapsed", f"{elapsed_s:.2f} s", "", True),
        ("the first request of all", f"{once_ms(lean, lean.api_keys[0], 'gpt-5', 0, Health()):.2f} ms", "", True),
    ]
    for words, model in (
        ("a request, 10 channels serve the model", "claude-sonnet-4-5"),
        ("a request, 10 channels by regex", "claude-haiku-4-5"),
        (f"a request, all {CHANNELS} channels serve the model", "gpt-5"),
        ("a request, no channel serves the model", "unheard-of"),
    ):
        spent_ms = selection_ms(config, model, arguments.rounds)
        rows.append((words, f"{spent_ms:.3f} ms", f"{SELECTION_LIMIT_MS:g} ms", spent_ms < SELECTION_LIMIT_MS))
    rows.append(("a list of models", f"{listing_ms(config):.2f} ms", "", True))
    print(f"{CHANNELS} channels with 11 models each, {KEYS} keys with two profiles each\n")
    print("| | measured | limit |\n|---|---|---|")
    for words, measured, limit, _ in rows:
        print(f"| {words} | {measured} | {limit} |")
    return 0 if all(within for *_, within in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
