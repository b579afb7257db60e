from more_itertools import last


def highest(levels):
    return last(sorted(levels))
