def left(article: str) -> int:
    return len(article)
