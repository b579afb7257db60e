PRICES = {"tea": 350, "coffee": 420}


def price_of(article: str) -> int:
    return PRICES.get(article, 0)
