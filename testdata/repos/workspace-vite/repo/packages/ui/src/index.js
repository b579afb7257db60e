/** A heading with the name of a page. */
export function heading(text) {
  const h = document.createElement("h1");
  h.textContent = text;
  return h;
}
