"""Makes `axonhub.*` importable from the checkout, by the claim of the script itself."""

import ast
from itertools import takewhile
from pathlib import Path

pytest_plugins = ["tests.skips"]

ROOT = Path(__file__).resolve().parent.parent


def claim_import_name(script: Path) -> None:
    """Runs the script as far as its first import of ours: what one module's test needs is not every addon."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    tree.body = list(takewhile(lambda node: not imports_axonhub(node), tree.body))
    exec(compile(tree, script, "exec"), {"__file__": str(script), "__name__": "axonhub_script"})


def imports_axonhub(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "axonhub"


claim_import_name(ROOT / "addons" / "axonhub.py")
