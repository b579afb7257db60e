import { BarController, BarElement, CategoryScale, Chart, LinearScale } from "chart.js";

import { months, wettest } from "./rain.js";
import "./style.css";

// Only the parts that are used end up in the bundle.
Chart.register(BarController, BarElement, CategoryScale, LinearScale);

const canvas = document.querySelector<HTMLCanvasElement>("#chart");
const summary = document.querySelector<HTMLParagraphElement>("#summary");
if (canvas) {
  new Chart(canvas, {
    type: "bar",
    data: { labels: months.map((m) => m.name), datasets: [{ data: months.map((m) => m.millimetres), backgroundColor: "#2a6f97" }] },
    options: { scales: { y: { title: { display: true, text: "mm" } } } },
  });
}
const most = wettest(months);
if (summary && most) summary.textContent = `The wettest month is ${most.name} with ${most.millimetres} mm.`;
