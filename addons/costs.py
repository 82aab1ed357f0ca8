"""A cost, item by item: what was used, and what of it was paid at which price."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TierShare:
    """What of an item fell into one tier."""

    up_to: int | None
    """None: the last tier."""
    quantity: int
    rate: Decimal
    """US dollars per `per` tokens."""
    subtotal: Decimal


@dataclass(frozen=True, slots=True)
class CostItem:
    item: str
    """As in a record's `usage`; `request` is the flat price."""
    quantity: int
    subtotal: Decimal
    """US dollars, unrounded."""
    tiers: tuple[TierShare, ...] = ()
    """Empty where the price has none."""


@dataclass(frozen=True, slots=True)
class Cost:
    items: tuple[CostItem, ...]
    """Without those that nothing was used of."""

    @property
    def total(self) -> Decimal:
        """US dollars, unrounded."""
        return sum((each.subtotal for each in self.items), Decimal(0))
