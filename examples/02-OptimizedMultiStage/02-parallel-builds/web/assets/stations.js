// The API runs beside the page: another port of the same machine.
const api = new URL("/stations", location.href);
if (location.port !== "") api.port = "8081";

const table = document.getElementById("stations");
const stations = await (await fetch(api)).json();
for (const station of stations) {
  const row = table.insertRow();
  row.insertCell().textContent = station.name;
  row.insertCell().textContent = `${station.celsius.toFixed(1)} °C`;
}
