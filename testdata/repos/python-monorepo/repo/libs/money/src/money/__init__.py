def cents(euro):
    return round(euro * 100)
