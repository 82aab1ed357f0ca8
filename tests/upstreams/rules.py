"""Named reasons for which a provider refuses a request."""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass

from tests.upstreams.server import Request

type Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose body is a JSON object."""

    request: Request
    body: Json


type Complaints = Callable[[Asked], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    complaints: Complaints
    """What is wrong, one text for each place; nothing when the request keeps the rule. A rule judges only what it is
    about and takes any JSON: a value of another type than it expects is another rule's matter."""
    status: int = 400


def into(book: MutableSequence[Rule]) -> Callable[..., Callable[[Complaints], Complaints]]:
    """A decorator that enters a function in the book as the rule of the function's name."""

    def rule(status: int = 400) -> Callable[[Complaints], Complaints]:
        def enter(complaints: Complaints) -> Complaints:
            book.append(Rule(complaints.__name__, complaints, status))
            return complaints

        return enter

    return rule


@dataclass(frozen=True, slots=True)
class Refusal:
    rule: str
    message: str
    status: int


def first_refusal(rules: Sequence[Rule], asked: Asked) -> Refusal | None:
    """By the first broken rule, as a provider would; None when all are kept."""
    return next(all_refusals(rules, asked), None)


def all_refusals(rules: Sequence[Rule], asked: Asked) -> Iterator[Refusal]:
    return (Refusal(rule.name, message, rule.status) for rule in rules for message in rule.complaints(asked))


# Reading JSON of any shape without asking for its type at each step.


def mapping(value: object) -> Json:
    """The object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    """The array; an empty one in place of anything else."""
    return value if isinstance(value, list) else ()


def text(value: object) -> str:
    """The string; an empty one in place of anything else."""
    return value if isinstance(value, str) else ""


def is_count(value: object, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def unknown_keys(value: object, known: Iterable[str], place: str) -> Iterable[str]:
    return (f"{place}{key}" for key in mapping(value) if key not in set(known))
