import { expect, test } from "@playwright/test";

test("a customer orders tea", async ({ page }) => {
  await page.goto("/");
  const before = Number(await page.locator("#orders").textContent());
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.getByLabel("Article").fill("tea");
  await page.getByLabel("Quantity").fill("10");
  await page.getByRole("button", { name: "Order" }).click();
  await expect(page.getByRole("status")).toHaveText(/^Order \d+: 9\.50$/);
  await expect(page.locator("#orders")).toHaveText(String(before + 1));
});

test("a wrong address is not sent", async ({ page }) => {
  await page.goto("/");
  await page.getByLabel("E-mail").fill("ada");
  await page.getByLabel("Article").fill("tea");
  await page.getByRole("button", { name: "Order" }).click();
  await expect(page.getByRole("status")).toHaveText("");
});
