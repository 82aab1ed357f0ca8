"""Resident memory of a gateway over many large requests: `scripts/bench memory [--way mitmweb] [--requests N]`.

Prints it after each tenth of the requests, and fails when the second half grew by more than a tenth: what mitmweb's
list keeps is full by then, and nothing else may pile up.
"""

import argparse
import http.client
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.gateway.process import WAYS, Gateway, start_gateway

_KEY = "ah-key-of-the-bench"
_GROWTH = 1.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--way", choices=sorted(WAYS), default="mitmweb")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--kilobytes", type=int, default=200)
    parser.add_argument("--keep-flows", type=int, default=1000)
    parser.add_argument("--keep-bytes", default="128MB")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gateway = start_gateway(config(given), way=given.way, folder=Path(folder), home=Path(folder))
        try:
            seen = []
            print(f"{given.way}: {given.requests:,} requests of {given.kilobytes} kB; resident MB after each tenth:")
            for each in measured(gateway, given.requests, given.kilobytes * 1000):
                seen.append(each)
                print(f"{each:.0f}", end=" ", flush=True)
        finally:
            gateway.stop()
    grown = seen[-1] / seen[len(seen) // 2]
    print(f"\nthe second half made it {grown:.2f} times as large")
    return 1 if grown > _GROWTH else 0


def config(given: argparse.Namespace) -> dict[str, object]:
    return {
        "api_keys": [{"name": "bench", "key": _KEY}],
        "channels": [{"name": "demo", "type": "demo", "supported_models": ["*"]}],
        "store": {"request_bodies": False, "response_bodies": False},
        "inspection": {"keep_flows": given.keep_flows, "keep_bytes": given.keep_bytes},
    }


def measured(gateway: Gateway, requests: int, size: int) -> Iterator[float]:
    """Resident megabytes after each tenth."""
    line = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    for number in range(1, requests + 1):
        line.request("POST", "/v1/messages", body(number, size), {"x-api-key": _KEY})
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        if number % max(1, requests // 10) == 0:
            yield resident_mb(gateway.process.pid)


def body(number: int, size: int) -> bytes:
    """Of its own each, so that no two share their memory."""
    earlier = [{"role": "user", "content": f"{number} " + "some words of a conversation " * (size // 29)}]
    messages = [*earlier, {"role": "assistant", "content": "yes"}, {"role": "user", "content": f"number {number}"}]
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 64, "stream": number % 2 == 0, "messages": messages}
    return json.dumps(asked).encode()


def resident_mb(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise AssertionError("the process has no resident memory")


if __name__ == "__main__":
    sys.exit(main())
