"""Usage: tokens by kind, held disjoint, so that no kind is ever counted twice.

Anthropic counts cached tokens beside `input_tokens`, OpenAI and Gemini count them inside the prompt; readers subtract,
writers add. None means that the provider did not tell, which is not the same as zero.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Usage:
    fresh_tokens: int | None = None
    """Input read at full price."""
    cache_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    """Cache writes; those without a told lifetime count as five minutes, the provider's default."""
    cache_write_1h_tokens: int | None = None
    output_tokens: int | None = None
    """All output, reasoning included."""
    reasoning_tokens: int | None = None
    """The share of `output_tokens` that was reasoning."""

    @property
    def cache_write_tokens(self) -> int:
        return (self.cache_write_5m_tokens or 0) + (self.cache_write_1h_tokens or 0)

    @property
    def input_tokens(self) -> int:
        """The whole prompt, cached or not."""
        return (self.fresh_tokens or 0) + (self.cache_read_tokens or 0) + self.cache_write_tokens

    @property
    def known(self) -> bool:
        """Did the provider tell anything at all?"""
        return self != _UNTOLD

    def updated(self, later: "Usage") -> "Usage":
        """This usage with every figure that `later` tells; streams tell cumulative figures in pieces.

        Cache writes that come later without lifetimes are the sum of those that came with them (Anthropic's streams).
        """
        told = {each.name: getattr(later, each.name) for each in fields(later)}
        if later.cache_write_5m_tokens is not None and later.cache_write_1h_tokens is None:
            told["cache_write_5m_tokens"] = max(0, later.cache_write_5m_tokens - (self.cache_write_1h_tokens or 0))
        return Usage(**{name: getattr(self, name) if value is None else value for name, value in told.items()})


_UNTOLD = Usage()
