"""Log probabilities of an answer's tokens, in the order in which they were said."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    token: str
    logprob: float
    octets: tuple[int, ...] | None = None
    """The token's bytes where the provider told them: a token may be half a character."""
    others: tuple["TokenLogprob", ...] = ()
    """The likeliest tokens at this place, the most likely one first; itself without `others`."""
