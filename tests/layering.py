"""Who may import whom, as a table, and the checker that reads the sources against it with `ast`.

Module names lack the leading `axonhub.`: `addons.errors`, `transformers.hub.parts`. Imports inside functions and under
TYPE_CHECKING count like any other.
"""

import ast
import re
import sys
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

type Trees = Mapping[str, ast.Module]
"""Module name → parsed source."""


@dataclass(frozen=True, slots=True)
class Row:
    modules: str
    """Patterns; `*` is one component of a name, `**` is one or more. A module belongs to the first row that has it."""
    ours: str = ""
    """Names of the rows whose modules it may import."""
    theirs: str = ""
    """Packages that it may import beside the standard library."""
    apart: int = 0
    """Modules that differ in their first so many components must not import each other; 0: they may."""


TABLE = {
    # The neutral vocabulary.
    "hub": Row("transformers.json_types transformers.hub transformers.hub.**", "hub", "pydantic"),
    # What every protocol uses, and the contract that it fulfils.
    "machinery": Row("transformers transformers.*", "hub machinery", "orjson pydantic splintr"),
    "protocols": Row("transformers.protocols.**", "hub machinery", "orjson pydantic", apart=3),
    # What every addon speaks of: configuration, exchange, errors, and what a channel type is.
    "domain": Row(
        "addons addons.config addons.config.** addons.exchange addons.errors addons.health addons.channels "
        "addons.channels.kinds addons.costs addons.derived addons.provider_quota addons.strategies",
        "hub machinery domain",
        "pydantic yaml",
    ),
    # What an operator changes in a channel's requests.
    "overriding": Row(
        "addons.overriding addons.overriding.**",
        "hub machinery domain overriding",
        "jinja2 mitmproxy orjson",
    ),
    # What was found.
    "registries": Row(
        "addons.channels.checking addons.channels.dialects addons.channels.facing addons.channels.registry "
        "addons.channels.rows addons.channels.serving addons.channels.vendor_rows addons.strategies.registry",
        "hub machinery domain overriding registries strategies",
        "pydantic",
    ),
    "channels": Row("addons.channels.**", "hub machinery domain", "botocore google orjson pydantic urllib3", apart=3),
    "strategies": Row("addons.strategies.**", "hub machinery domain", apart=3),
    # The only place with TinyDB.
    "store": Row("addons.store addons.store.**", "hub machinery domain store", "orjson pydantic tinydb zstandard"),
    # Single steps of a request, without mitmproxy.
    "steps": Row(
        "addons.channel_state addons.client_habits addons.counting addons.decoding addons.demo addons.disabling "
        "addons.embeddings addons.explaining addons.header_fields "
        "addons.pinning addons.prices addons.remapping addons.retrying addons.routes addons.trace_ids addons.turns "
        "addons.pricing addons.troubleshooting "
        "addons.editable_json addons.masking addons.misbehaving addons.telling_headers",
        "hub machinery domain registries steps",
        "brotli orjson pydantic zstandard",
    ),
    # What stored requests tell when they are looked at together.
    "analysis": Row(
        "addons.analysis addons.analysis.** addons.ledgers addons.quota_text addons.quota_reading",
        "hub machinery domain store steps analysis",
        "orjson pydantic",
    ),
    # Stored requests as files for other programs.
    "exports": Row(
        "addons.exports addons.exports.**", "hub machinery domain store steps analysis exports", "mitmproxy orjson"
    ),
    # Which hosts are captured.
    "capturing": Row("addons.capturing addons.capturing.**", "hub machinery domain registries steps capturing"),
    # A recorded trace as a provider.
    "playing": Row("addons.playing addons.playing.**", "hub machinery domain store steps analysis playing", "orjson"),
    # A request that is sent again.
    "replaying": Row("addons.replaying", "hub machinery domain store steps analysis", "pydantic"),
    # What the hook modules stand on.
    "ground": Row(
        "addons.answers addons.dispatch addons.failover addons.failover.** addons.indexed_headers addons.internal "
        "addons.ranking addons.replies addons.runtime addons.runtime.** addons.settings addons.whole_answers "
        "addons.live_events addons.own_port addons.sessions addons.throttle addons.trials addons.model_cards "
        "addons.model_report addons.model_sync addons.offering addons.reading "
        "addons.captured addons.untouched",
        "hub machinery domain registries channels strategies store steps ground",
        "h2 mitmproxy orjson pydantic uvicorn",
    ),
    # These meet in the Exchange and in hook order, never by import.
    "hooks": Row(
        "addons.accounting addons.answering addons.authentication addons.cache_watch addons.catalog addons.draining "
        "addons.greeting addons.quotas "
        "addons.inbound addons.metrics addons.outbound addons.pausing addons.replays addons.selection addons.tracing "
        "addons.faults "
        "addons.announcing addons.doorway addons.capture addons.checkups",
        "hub machinery domain overriding registries channels strategies store steps analysis exports replaying ground "
        "capturing",
        "mitmproxy orjson pydantic",
        apart=2,
    ),
    # What a person sees and does.
    "surface": Row(
        "addons.admin addons.admin.** "
        "addons.commands addons.console addons.console.** addons.inspection addons.views addons.views.**",
        "hub machinery domain registries channels strategies store analysis steps ground overriding replaying",
        "fastapi jinja2 mitmproxy orjson pydantic starlette tornado",
        apart=2,
    ),
    # Puts it together.
    "program": Row(
        "addons.assembly addons.axonhub addons.exporting addons.launch addons.main addons.operations "
        "addons.records addons.serving addons.study addons.terminal addons.rehearsing addons.playback_command "
        "addons.repeating addons.explain_command "
        "addons.managing addons.reaching addons.capture_options",
        "hub machinery domain registries channels strategies store steps analysis exports ground hooks surface "
        "program overriding playing replaying capturing",
        "mitmproxy orjson pydantic uvloop",
    ),
}

IMPURE = frozenset(
    "asyncio concurrent multiprocessing os pathlib queue random secrets selectors shutil signal socket sqlite3 "
    "subprocess tempfile threading time".split()
)
"""What transformers, being bytes and values only, does not import of the standard library."""

ENVIRONMENT_READER = "addons.config"
INNER_NAMES_USER = ("addons.failover.names", "mitmproxy")
"""The one module that may use the inner names of a library."""


def violations(sources: Mapping[str, str], table: Mapping[str, Row] = TABLE) -> list[str]:
    """`sources`: module name → text."""
    trees = {module: ast.parse(source, module) for module, source in sources.items()}
    names = registered_names(trees)
    return sorted(
        f"{module}{place}: {complaint}"
        for module in trees
        for place, complaint in complaints(module, trees, table, names)
    )


def complaints(module: str, trees: Trees, table: Mapping[str, Row], names: frozenset[str]) -> Iterator[tuple[str, str]]:
    row = row_of(module, table)
    if row is None:
        yield "", "is in no row of the table in tests/layering.py"
        return
    if module.startswith("addons.") and set(module.split(".")) & sys.stdlib_module_names:
        yield "", "bears the name of a standard module"
    for node in ast.walk(trees[module]):
        place = f":{node.lineno}" if isinstance(node, ast.expr | ast.stmt | ast.pattern) else ""
        for target in imported(node, trees):
            if complaint := import_complaint(module, target, row, table):
                yield place, complaint
        for name in sorted(names_compared(node, names)):
            yield place, f"compares with {name!r}: ask for a capability"
        if reads_environment(node) and not f"{module}.".startswith(f"{ENVIRONMENT_READER}."):
            yield place, f"reads the environment, which only {ENVIRONMENT_READER} may"


def import_complaint(module: str, target: str, row: str, table: Mapping[str, Row]) -> str | None:
    """Why `module`, of `row`, must not import `target`; None when it may."""
    package, _, rest = target.partition(".")
    if package == "axonhub":
        return own_import_complaint(module, rest, row, table)
    if any(is_private(part) for part in target.split(".")) and (module, package) != INNER_NAMES_USER:
        return f"imports {target}, a private name"
    if package in sys.stdlib_module_names:
        return f"imports {package}, but converts only" if package in IMPURE and is_pure(module) else None
    return None if package in table[row].theirs.split() else f"imports {package}, which {row} may not"


def own_import_complaint(module: str, target: str, row: str, table: Mapping[str, Row]) -> str | None:
    """`target` is a module, or one with a private name of its own appended."""
    owner, _, last = target.rpartition(".")
    if is_private(last) and not same_package(module, owner):
        return f"imports {target}, a private name"
    target = owner if is_private(last) else target
    target_row = row_of(target, table)
    if target_row == row:
        depth = table[row].apart
        if depth and module.split(".")[:depth] != target.split(".")[:depth] and not module.startswith(f"{target}."):
            return f"imports its sibling {target}"
        return None
    return None if target_row in table[row].ours.split() else f"imports {target} ({target_row}), which {row} may not"


def is_pure(module: str) -> bool:
    return module.partition(".")[0] == "transformers"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def same_package(module: str, other: str) -> bool:
    return module.rpartition(".")[0] == other.rpartition(".")[0]


def row_of(module: str, table: Mapping[str, Row]) -> str | None:
    return next((name for name, row in table.items() if any(fits(module, one) for one in row.modules.split())), None)


def fits(module: str, pattern: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*\*", ".+").replace(r"\*", "[^.]+"), module) is not None


def imported(node: ast.AST, modules: Container[str]) -> Iterator[str]:
    """Full dotted names; of our own packages the module meant, plus the name when that is private."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        origin = "." * node.level + (node.module or "")
        for alias in node.names:
            name = f"{origin}.{alias.name}"
            yield name if name.removeprefix("axonhub.") in modules or is_private(alias.name) else origin


def reads_environment(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    )


def registered_names(trees: Trees) -> frozenset[str]:
    """Vendors of the protocols, from their modules' names, and the channel types, from the calls that make them."""
    vendors = {module.split(".")[2].partition("_")[0] for module in trees if fits(module, "transformers.protocols.**")}
    calls = (
        node
        for module, tree in trees.items()
        if fits(module, "addons.channels.**")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ChannelType"
    )
    arguments = ([*call.args[:1], *(word.value for word in call.keywords if word.arg == "name")] for call in calls)
    return frozenset(vendors | {text for nodes in arguments for node in nodes for text in texts(node)})


def names_compared(node: ast.AST, names: frozenset[str]) -> set[str]:
    """A protocol is named `vendor/api`, so what stands before the slash tells."""
    if isinstance(node, ast.Compare):
        found = {text for side in (node.left, *node.comparators) for text in texts(side)}
    elif isinstance(node, ast.MatchValue):
        found = set(texts(node.value))
    else:
        return set()
    return {text for text in found if text in names or text.partition("/")[0] in names}


def texts(node: ast.expr) -> Iterator[str]:
    """The string constants that an operand consists of: itself, or the members of a literal collection."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for member in node.elts:
            yield from texts(member)


def read_sources(root: Path) -> dict[str, str]:
    files = sorted(file for folder in ("addons", "transformers") for file in (root / folder).rglob("*.py"))
    return {module_name(file.relative_to(root)): file.read_text(encoding="utf-8") for file in files}


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
