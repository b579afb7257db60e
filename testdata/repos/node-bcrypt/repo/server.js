const { createServer } = require("node:http");
const bcrypt = require("bcrypt"); // 5 compiles itself, 6 brings compiled files

const stored = bcrypt.hashSync("open sesame", 4);

const server = createServer((req, res) => {
  if (req.url === "/healthz") return res.end("ok");
  const word = new URL(req.url, "http://localhost").searchParams.get("word") ?? "";
  res.end(bcrypt.compareSync(word, stored) ? "come in\n" : "stay out\n");
});
server.listen(3700);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
