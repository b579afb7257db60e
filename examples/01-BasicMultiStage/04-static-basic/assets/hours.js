// Says whether the shop is open now.
const opens = 7;
const closes = 15;
const now = new Date();
const openToday = now.getDay() >= 2 && now.getDay() <= 6;
const open = openToday && now.getHours() >= opens && now.getHours() < closes;
const line = document.getElementById("hours");
line.textContent = (open ? "Open now. " : "Closed now. ") + line.textContent;
