from aiohttp import web


async def health(request):
    return web.json_response({"status": "ok"})


def main():
    app = web.Application()
    app.router.add_get("/health", health)
    web.run_app(app, port=8090)


if __name__ == "__main__":
    main()
