"""What an order is, and what it costs."""

from typing import Annotated

from pydantic import BaseModel, EmailStr, Field


class Item(BaseModel):
    article: Annotated[str, Field(min_length=1, max_length=64)]
    quantity: Annotated[int, Field(ge=1, le=1000)]
    cents: Annotated[int, Field(ge=0, le=100_000_000)]


class NewOrder(BaseModel):
    customer: EmailStr
    items: Annotated[list[Item], Field(min_length=1, max_length=100)]


class Order(NewOrder):
    id: int
    total_cents: int


def total_cents(items: list[Item]) -> int:
    """From 10 pieces of an article on, it costs 5 % less; halves of a cent go to the customer."""
    total = 0
    for item in items:
        full = item.quantity * item.cents
        total += full - (full * 5 + 99) // 100 if item.quantity >= 10 else full
    return total
