import asyncio
import os

import tornado.web


class Health(tornado.web.RequestHandler):
    def get(self):
        self.write({"status": "ok"})


async def main():
    app = tornado.web.Application([("/health", Health)])
    app.listen(int(os.environ.get("PORT", "8090")))
    await asyncio.Event().wait()


asyncio.run(main())
