def total(lines: list[tuple[int, int]]) -> int:
    return sum(price * count for price, count in lines)


def discount(amount: int) -> int:
    return amount * 9 // 10 if amount > 100 else amount
