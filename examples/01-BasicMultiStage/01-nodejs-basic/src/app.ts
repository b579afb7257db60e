import express, { type Express } from "express";

export interface Note {
  id: number;
  text: string;
}

/** The notes API. Notes live in memory: the example is about its image. */
export function createApp(): Express {
  const app = express();
  const notes = new Map<number, Note>();
  let last = 0;
  app.disable("x-powered-by");
  app.use(express.json({ limit: "64kb" }));

  app.get("/health", (_request, response) => {
    response.json({ status: "ok" });
  });
  app.get("/", (_request, response) => {
    response.json({ service: "nodejs-basic", notes: notes.size });
  });
  app.get("/notes", (_request, response) => {
    response.json([...notes.values()]);
  });
  app.post("/notes", (request, response) => {
    const text: unknown = request.body?.text;
    if (typeof text !== "string" || text.trim() === "") {
      response.status(400).json({ error: "a note needs a text" });
      return;
    }
    const note = { id: ++last, text: text.trim() };
    notes.set(note.id, note);
    response.status(201).location(`/notes/${note.id}`).json(note);
  });
  app.get("/notes/:id", (request, response) => {
    const note = notes.get(Number(request.params.id));
    if (note) response.json(note);
    else response.status(404).json({ error: "there is no such note" });
  });
  app.delete("/notes/:id", (request, response) => {
    response.status(notes.delete(Number(request.params.id)) ? 204 : 404).end();
  });
  return app;
}
