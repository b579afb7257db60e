import { add } from "./add.ts";

Deno.serve({ port: 8000 }, () => new Response(String(add(1, 2))));
