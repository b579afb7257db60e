import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    fileParallelism: false, // the files of test/integration and test/api share a database
    coverage: { provider: "v8", include: ["src/**/*.ts"], exclude: ["src/server.ts"] },
  },
});
