import os

from aiohttp import web


async def echo(request):
    return web.Response(text=await request.text())


app = web.Application()
app.router.add_post("/", echo)
app.router.add_get("/health", lambda request: web.Response(text="ok"))

if __name__ == "__main__":
    web.run_app(app, port=int(os.environ.get("PORT", "8085")))
