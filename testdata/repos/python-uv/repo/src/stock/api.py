from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from stock.shelf import left


async def health(request):
    return JSONResponse({"status": "ok"})


async def stock(request):
    return JSONResponse({"left": left(request.path_params["article"])})


app = Starlette(routes=[Route("/healthz", health), Route("/stock/{article}", stock)])
