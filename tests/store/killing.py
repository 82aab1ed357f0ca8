"""Starts writers, kills them at random moments, and looks whether anything that was acknowledged is missing or wrong.

`python -m tests.store.killing DURABILITY TRIALS SEED FOLDER` prints what it counted as JSON. A program of its own, so
that it can fork before there are threads: a new interpreter for each trial would cost more than the trial.
"""

import json
import os
import random
import select
import signal
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import tests.conftest  # noqa: F401  makes axonhub importable
from axonhub.addons.store.backend import Durability, Finished
from axonhub.addons.store.embedded import Embedded, Limits
from axonhub.addons.store.summary import Summary, usage
from axonhub.addons.store.writer import StoreSettings, TraceWriter
from tests.store.traffic import START_S, record

COUNT = struct.Struct("<I")
LIMITS = Limits(records=150, pack_bytes=1 << 20)
"""Small, so that partitions are sealed while writers are killed."""
AHEAD = 20
"""So many requests are under way at any time."""
RESTARTS = 12
"""In one folder, one after the other."""


def request_id(trial: int, number: int) -> str:
    return f"req_{trial:05d}_{number:06d}"


def bodies(trial: int, number: int) -> dict[str, bytes]:
    """Grows with the number, as a conversation does; made again when it is checked."""
    dice = random.Random(trial)
    said = [f'{{"role":"user","content":"{dice.randbytes(90).hex()}"}}'.encode() for _ in range(number % 40 + 1)]
    return {"request": b'{"messages":[' + b",".join(said) + b"]}", "response": b"%d\xff" % number}


def write_until_killed(trial: int, durability: Durability, folder: Path, acknowledged: int, last: int) -> None:
    """Kills itself in the moment when it has told of the `last` acknowledgement; 0: waits for somebody else."""
    settings = StoreSettings(folder, durability, linger_s=0.001, group_items=16, limits=LIMITS)
    writer = TraceWriter.open(settings, lambda: START_S)
    sys.setswitchinterval(0.0001)  # or the two threads would hardly meet between two acknowledgements
    dice, told, tellings = random.Random(trial), 0, 0
    for number in range(1_000_000):
        document = record(number, dice) | {"id": request_id(trial, number), "thread_id": f"thread-{number // 40}"}
        writer.open_request({"id": request_id(trial, number + AHEAD), "ts": document["ts"]})
        while not writer.submit(Finished(document, bodies(trial, number))):
            writer.flush(1)
        if number % 8 == 0:
            writer.flush(1) if dice.random() < 0.2 else None
            if (stored := writer.stats().stored) > told:
                told = stored
                os.write(acknowledged, COUNT.pack(stored))
                tellings += 1
                if tellings == last:
                    os.kill(os.getpid(), signal.SIGKILL)


def one_trial(trial: int, durability: Durability, folder: Path, dice: random.Random) -> int:
    """How many records the killed writer had acknowledged."""
    read, write = os.pipe()
    last = dice.choice((0, dice.randrange(1, 20)))
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            write_until_killed(trial, durability, folder, write, last)
        finally:
            os._exit(1)
    os.close(write)
    wanted, delay_s, told = dice.randrange(4), dice.random() ** 3 * 0.12, b""
    if not last:
        while len(told) < wanted * COUNT.size and (piece := os.read(read, COUNT.size)):
            told += piece
        select.select([], [], [], delay_s)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while piece := os.read(read, 4096):
        told += piece
    os.close(read)
    return COUNT.unpack_from(told, len(told) - COUNT.size)[0] if told else 0


def found_wrong(folder: Path, acknowledged: dict[int, int], everything: bool, dice: random.Random) -> Counter[str]:
    """Opens the store as the next gateway would, which recovers it, and compares with what must be there."""
    store = Embedded(folder, "written", lambda: START_S, LIMITS)
    recount, ids, wrong = Summary(), Counter[str](), Counter[str]()
    ended: set[str] = set()
    cursor: str | None = None
    while True:
        page = store.follow(cursor, 500)
        for each in page.records:
            ids[str(each["id"])] += 1
            recount.add(each)
            if each.get("error_kind") == "interrupted":
                wrong["interrupted"] += 1
            else:
                ended.add(str(each["id"]))
            if each.get("bodies") and (everything or dice.random() < 0.02):
                wrong["bodies wrong"] += not same_bodies(store, each)
                wrong["bodies checked"] += 1
        if not page.records:
            break
        cursor = page.cursor
    for trial, stored in acknowledged.items():
        wrong["lost"] += sum(request_id(trial, number) not in ended for number in range(stored))
    wrong["twice"] += sum(count > 1 for count in ids.values())
    for by in ("all", "channel", "model", "key"):
        wrong["sums wrong"] += list(store.rollup(by, step="hour")) != usage([recount], by, None, None, "hour")
    wrong["damage reported"] += not store.health().ok
    store.close()
    return wrong


def same_bodies(store: Embedded, stored: Any) -> bool:
    _, trial, number = stored["id"].split("_")
    expected = bodies(int(trial), int(number))
    return {name: store.body(ref) for name, ref in stored["bodies"].items()} == expected


def main(durability: Durability, trials: int, seed: int, root: Path) -> None:
    dice, total = random.Random(seed), Counter[str]()
    for first in range(0, trials, RESTARTS):
        folder, acknowledged = root / f"{durability}-{first}", dict[int, int]()
        last = min(first + RESTARTS, trials) - 1
        for trial in range(first, last + 1):
            acknowledged[trial] = one_trial(trial, durability, folder, dice)
            total += found_wrong(folder, acknowledged, trial == last, dice)
        total["trials"] += len(acknowledged)
        total["acknowledged"] += sum(acknowledged.values())
    sys.stdout.write(json.dumps(total) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))  # type: ignore[arg-type]
