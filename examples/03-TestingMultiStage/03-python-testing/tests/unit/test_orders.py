import pytest
from pydantic import ValidationError

from shop.orders import Item, NewOrder, total_cents

TEA = {"article": "tea", "quantity": 3, "cents": 350}


@pytest.mark.parametrize(
    ("items", "total"),
    [
        pytest.param([TEA], 1050, id="one article"),
        pytest.param([TEA | {"quantity": 9, "cents": 100}], 900, id="nine pieces cost what they cost"),
        pytest.param([TEA | {"quantity": 10, "cents": 100}], 950, id="ten pieces cost 5 % less"),
        pytest.param([TEA | {"quantity": 10, "cents": 1}], 9, id="half a cent goes to the customer"),
        pytest.param([TEA | {"quantity": 10, "cents": 100}, TEA | {"quantity": 1, "cents": 100}], 1050, id="each article counts by itself"),
    ],
)
def test_total(items, total):
    assert total_cents([Item(**item) for item in items]) == total


@pytest.mark.parametrize(
    "change",
    [{"customer": "ada"}, {"items": []}, {"items": [TEA | {"quantity": 0}]}, {"items": [TEA | {"cents": -1}]}],
    ids=["without an address", "without items", "of no piece", "for less than nothing"],
)
def test_a_wrong_order_is_refused(change):
    good = {"customer": "ada@example.com", "items": [TEA]}
    NewOrder(**good)
    with pytest.raises(ValidationError):
        NewOrder(**(good | change))
