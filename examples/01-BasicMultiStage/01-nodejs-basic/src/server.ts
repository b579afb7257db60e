import { createApp } from "./app.js";

const port = Number(process.env.PORT ?? 3000);
const server = createApp().listen(port, () => console.log(`listening on ${port}`));

// The container is stopped with SIGTERM: finish what was begun, then end.
process.on("SIGTERM", () => server.close(() => process.exit(0)));
