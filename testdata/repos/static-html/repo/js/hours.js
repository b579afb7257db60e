// Opening hours, in the time of the visitor.
const openingHours = { from: 6, to: 18 };

function isOpen(now) {
  const hour = now.getHours();
  return hour >= openingHours.from && hour < openingHours.to && now.getDay() !== 0;
}

document.addEventListener("DOMContentLoaded", () => {
  const state = document.getElementById("state");
  if (state) {
    state.textContent = isOpen(new Date()) ? "open" : "closed";
  }
});
