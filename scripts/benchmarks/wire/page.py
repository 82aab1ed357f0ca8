"""docs/benchmarks.md: a section a benchmark, each written by its own run."""

import re
from pathlib import Path


def write_section(page: Path, heading: str, text: str) -> None:
    """Puts `text` under `## heading`, in place of what stands there; all other sections stay."""
    old = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
    section = f"## {heading}\n\n{text.strip()}\n"
    found = re.compile(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    new, times = found.subn(lambda _: f"{section}\n", old, count=1)
    page.write_text((new if times else f"{old.rstrip()}\n\n{section}").rstrip() + "\n", encoding="utf-8")
