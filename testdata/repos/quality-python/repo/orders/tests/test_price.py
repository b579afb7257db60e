import pytest

from orders.price import total


@pytest.mark.parametrize(("lines", "want"), [([], 0), ([(2, 3), (1, 1)], 7)])
def test_total(lines: list[tuple[int, int]], want: int) -> None:
    assert total(lines) == want
