from fastapi import APIRouter
from settings import METRES

router = APIRouter()


@router.get("/tides/{port}")
def tide(port: str) -> dict[str, float]:
    return {port: METRES[port]}
