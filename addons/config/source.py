"""The text of config.yml → a Document.

Knows YAML and references to the environment; of the configuration it knows only which values are credentials: a channel
or key whose variable is unset is read as disabled, with the reason, and the rest of the file does not suffer for it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from axonhub.addons.config.document import Document, Mark, join_path
from axonhub.addons.config.expansion import Expansion, expand, shield, unshield
from axonhub.addons.config.problems import Problem

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The fast one where libyaml is there; both keep the line of every node."""

OWNED = re.compile(r"((?:channels|api_keys)\[[0-9]+\])\.(\w+).*")
"""The path of a value that belongs to a channel or key: its owner's path, the key in it."""
CREDENTIAL_KEYS = frozenset({"api_keys", "key", "key_sha256"})

MOST_NODES = 1_000_000
"""An alias costs nothing to write; read out, aliases of aliases fill the memory."""


class Unset:
    """In place of a value whose variable is unset."""


UNSET = Unset()


def read_document(
    content: bytes, file: str, environ: Mapping[str, str], loader_type: type[yaml.SafeLoader] = LOADER
) -> Document | Problem:
    """A problem alone when the text is no YAML mapping at all."""
    try:
        text, references = shield(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Problem("", content.count(b"\n", 0, error.start) + 1, "not UTF-8 text", file=file)
    try:
        loader = loader_type(text)
        node = loader.get_single_node()
        if isinstance(node, yaml.MappingNode):
            return Reader(loader, Document(file), references, environ).read_file(node)
    except yaml.YAMLError as error:
        return syntax_problem(error, text, file)
    except RecursionError:
        return Problem("", 1, "nested too deeply", file=file)
    if node is None:
        return Problem("", 1, "the file is empty", file=file)
    return Problem("", line_of(node), "must begin with sections such as `server:`, not a list or value", file=file)


def syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        position = getattr(error, "position", 0)
        return Problem("", text.count("\n", 0, position) + 1, "not YAML: a character that it does not allow", file=file)
    line = text.split("\n")[mark.line] if mark.line <= text.count("\n") else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return Problem("", mark.line + 1, "a tab cannot indent in YAML: use spaces", file=file)
    reason = getattr(error, "problem", None) or "cannot be read"
    return Problem("", mark.line + 1, f"not YAML: {reason}{context_of(error)}", file=file)


def context_of(error: yaml.YAMLError) -> str:
    """What the parser was at, and where that began: an open quote is noticed at the end of the file only."""
    context, mark = getattr(error, "context", None), getattr(error, "context_mark", None)
    if not context:
        return ""
    return f" ({context} from line {mark.line + 1})" if mark else f" ({context})"


def line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


@dataclass(slots=True)
class Lack:
    """Variables that one channel or key needs and the environment does not have."""

    credentials: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Reader:
    loader: yaml.SafeLoader
    document: Document
    references: tuple[str, ...]
    environ: Mapping[str, str]
    lacks: dict[str, Lack] = field(default_factory=dict)
    """By the path of the channel or key."""
    open: set[int] = field(default_factory=set)
    """Nodes that are being read: an alias to one of them has no end."""
    flat: set[int] = field(default_factory=set)
    """Mappings whose `<<` has been resolved: that changes the node, and may be done once."""
    count: int = 0

    def read_file(self, node: yaml.MappingNode) -> Document:
        self.document.data.update(self.read_mapping(node, self.document.mark))
        return self.document

    def read(self, node: yaml.Node, mark: Mark) -> object:
        self.count += 1
        if id(node) in self.open or self.count > MOST_NODES:
            raise yaml.composer.ComposerError(None, None, "aliases without end", node.start_mark)
        self.open.add(id(node))
        try:
            match node:
                case yaml.MappingNode():
                    return self.read_mapping(node, mark)
                case yaml.SequenceNode():
                    return self.read_sequence(node, mark)
                case _:
                    return self.read_scalar(node, mark)
        finally:
            self.open.discard(id(node))

    def read_mapping(self, node: yaml.MappingNode, mark: Mark) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in self.pairs(node, mark):
            key = unshield(key_node.value, self.references)
            child = mark.add(key, line_of(key_node))
            value = self.read(value_node, child)
            if key == "disabled_reason":
                self.document.report(child, "unknown key")
            elif value is not UNSET:
                values[key] = value
        if lack := self.lacks.pop(mark.path, None):
            self.disable(values, mark, lack)
        return values

    def pairs(self, node: yaml.MappingNode, mark: Mark) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        if id(node) not in self.flat:
            self.flat.add(id(node))
            node.value = list(self.unique_pairs(node, mark))
            self.loader.flatten_mapping(node)
        for key_node, value_node in node.value:
            if isinstance(key_node, yaml.ScalarNode):  # a merged mapping has not been through unique_pairs
                yield key_node, value_node

    def unique_pairs(self, node: yaml.MappingNode, mark: Mark) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.report(Mark(mark.path, line_of(key_node)), "a key must be text")
            elif key_node.value in lines:
                place = Mark(join_path(mark.path, key_node.value), line_of(key_node))
                self.document.report(place, f"written twice, first in line {lines[key_node.value]}")
            else:
                lines[key_node.value] = line_of(key_node)
                yield key_node, value_node

    def read_sequence(self, node: yaml.SequenceNode, mark: Mark) -> list[object]:
        values: list[object] = []
        for item in node.value:
            value = self.read(item, mark.add(len(values), line_of(item)))
            if value is not UNSET:
                values.append(value)
        mark.children.pop(len(values), None)
        return values

    def read_scalar(self, node: yaml.Node, mark: Mark) -> object:
        try:
            value = self.loader.construct_object(node)
        except ValueError:  # looks like a date or number and is none
            value = node.value
        if not isinstance(value, str):
            return value
        text = unshield(value, self.references)
        if "${" not in text:
            return text
        try:
            return self.judge(expand(text, self.environ), mark)
        except ValueError as error:
            self.document.report(mark, str(error))
            return UNSET

    def judge(self, expansion: Expansion, mark: Mark) -> object:
        """What an expansion means at its place: the text, or that something cannot be used without its variable."""
        self.document.variables.update(expansion.names)
        owned = OWNED.fullmatch(mark.path)
        if owned and owned[2] in CREDENTIAL_KEYS and (expansion.unset or not expansion.text.strip()):
            self.lacks.setdefault(owned[1], Lack()).credentials.extend(expansion.unset or expansion.names)
            return UNSET
        if not expansion.unset:
            return expansion.text
        if owned:
            self.lacks.setdefault(owned[1], Lack()).others.extend(expansion.unset)
        else:
            name = expansion.unset[0]
            self.document.report(mark, f"environment variable {name} is not set; ${{{name}:-…}} gives a default")
        return UNSET

    def disable(self, item: dict[str, object], mark: Mark, lack: Lack) -> None:
        """Disables a channel or key that lacks its last credential or any other variable."""
        wanted = list(lack.others)
        if lack.credentials and any(item.get(key) for key in CREDENTIAL_KEYS):
            lost = " and ".join(lack.credentials)
            self.document.report(mark.find(["api_keys"]), f"works without one credential: {lost} is not set", "warning")
        elif lack.credentials:
            wanted.insert(0, " or ".join(lack.credentials))
        if wanted:
            item["disabled_reason"] = "set " + " and ".join(dict.fromkeys(wanted))
            if item.get("status", "enabled") == "enabled":
                item["status"] = "disabled"
