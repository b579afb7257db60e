import { createServer } from "node:http";
import { total } from "./total.js";

const url = process.env.DATABASE_URL;

createServer((request, response) => {
  response.end(JSON.stringify({ total: total([]), database: Boolean(url) }));
}).listen(3000);
