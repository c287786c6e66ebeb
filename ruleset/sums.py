"""Sums over lines: their money, what is left of them after refunds, and figures as a person writes them."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from ruleset.case import Line
from ruleset.timeline import order_of

CENT = Decimal("0.01")
"""Amounts are CNY, to the cent."""


def amount_of(line: Line) -> Decimal | None:
    """Return a line's amount, else its quantity at its price, in CNY; None where it states neither."""
    if line.amount is not None:
        return line.amount
    if line.quantity is None or line.price is None:
        return None
    return (line.quantity * line.price).quantize(CENT, ROUND_HALF_UP)


def plain(figure: Decimal | Fraction) -> str:
    """Return a figure as a person writes it: at most two decimals, no trailing zeros, no exponent."""
    if isinstance(figure, Fraction):
        figure = Decimal(figure.numerator) / Decimal(figure.denominator)
    rounded = round(figure, 2).normalize()
    return f"{rounded or Decimal(0):f}"


def not_taken_back(lines: Iterable[Line]) -> list[Line]:
    """Return the charges that no refund took back, in the order of time.

    A refund takes back the latest charges before it of its item in its encounter, as much as its quantity. A charge of which
    something is left stays; so does one without a quantity, of which nobody can say how much a refund took.
    """
    left: list[tuple[Line, Decimal | None]] = []
    for line in sorted(lines, key=order_of):
        if not line.is_refund:
            left.append((line, line.quantity))
            continue
        assert line.quantity is not None  # that is what makes it a refund
        refunded = -line.quantity
        for place in range(len(left) - 1, -1, -1):
            charge, quantity = left[place]
            if (charge.item, charge.encounter_id) != (line.item, line.encounter_id) or not quantity:
                continue
            taken = min(refunded, quantity)
            left[place] = (charge, quantity - taken)
            refunded -= taken
            if not refunded:
                break
    return [line for line, quantity in left if quantity != 0]
