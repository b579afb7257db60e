from pathlib import Path

from fastapi import FastAPI
from routers import tides
from settings import TITLE

LOG = Path(__file__).parent / "seen"
LOG.mkdir(exist_ok=True)

app = FastAPI(title=TITLE)
app.include_router(tides.router)


@app.get("/health")
def health() -> dict[str, str]:
    (LOG / "last").write_text("health")
    return {"status": "ok"}
