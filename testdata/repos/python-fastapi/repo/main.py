import os

from fastapi import FastAPI
from pydantic import BaseModel

from catalogue import price_of

app = FastAPI(title="Prices")


class Price(BaseModel):
    article: str
    cents: int


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/prices/{article}")
def price(article: str) -> Price:
    return Price(article=article, cents=price_of(article))


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("PORT", 8000)))
