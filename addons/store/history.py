"""What is left of dropped partitions: their sums by day, so that a month's or all time's usage outlives retention.

One small TinyDB journal, `history.journal`, with one document for each dropped partition.
"""

from collections.abc import Collection
from pathlib import Path

from tinydb import where

from axonhub.addons.store.summary import Summary, by_day, read_summary
from axonhub.addons.store.tables import JournalDB

FILE = "history.journal"


def keep_sums(root: Path, partition: str, summary: Summary) -> None:
    """Durable when it returns. Called before the partition goes; calling it again changes nothing."""
    with JournalDB(root / FILE) as history:
        if not history.contains(where("partition") == partition):
            history.insert({"partition": partition, "summary": by_day(summary).to_json()})
            history.journal.journal.sync()


def dropped_sums(root: Path, present: Collection[str]) -> Summary:
    """The sums of all that was dropped, together; a partition still present is about to go and must not count twice."""
    total = Summary()
    try:
        history = JournalDB(root / FILE, read_only=True)
    except FileNotFoundError:
        return total
    with history:
        for each in history.all():
            if each["partition"] not in present:
                total.add_sums(read_summary(each["summary"]))
    return total
