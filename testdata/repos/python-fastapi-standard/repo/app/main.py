from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from sqlalchemy.pool import StaticPool
from sqlmodel import Field, Session, SQLModel, create_engine

engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)


class Hero(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str


@asynccontextmanager
async def lifespan(app: FastAPI):
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Hero(name="Deadpond"))
        session.commit()
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/heroes/{number}")
def hero(number: int) -> Hero:
    with Session(engine) as session:
        found = session.get(Hero, number)
        if not found:
            raise HTTPException(404, "no such hero")
        return found


@app.get("/health")
def health():
    return {"loop": "up"}
