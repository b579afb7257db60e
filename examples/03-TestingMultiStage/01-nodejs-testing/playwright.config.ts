import { defineConfig } from "@playwright/test";

const port = 3100;

// The browser is the one that the machine has; Playwright would download its own.
export default defineConfig({
  testDir: "e2e",
  reporter: "list",
  use: {
    baseURL: `http://localhost:${port}`,
    launchOptions: { executablePath: process.env.CHROME_PATH ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
  },
  webServer: {
    command: "node --run build && node dist/server.js",
    url: `http://localhost:${port}/health`,
    env: { PORT: String(port) },
    timeout: 60_000,
  },
});
