const form = document.querySelector("form");
const status = document.querySelector("[role=status]");

async function summary() {
  const { orders } = await (await fetch("/summary")).json();
  document.querySelector("#orders").textContent = orders;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { customer, article, quantity, cents } = Object.fromEntries(new FormData(form));
  const answer = await fetch("/orders", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()) },
    body: JSON.stringify({ customer, items: [{ article, quantity: Number(quantity), cents: Number(cents) }] }),
  });
  const body = await answer.json();
  status.textContent = answer.ok
    ? `Order ${body.id}: ${(body.totalCents / 100).toFixed(2)}`
    : `Not ordered: ${Object.keys(body.errors).join(", ")}`;
  await summary();
});

await summary();
