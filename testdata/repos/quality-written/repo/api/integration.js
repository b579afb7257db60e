require("node:test").test("database", () => { if (!process.env.DATABASE_URL) throw new Error("no database"); });
