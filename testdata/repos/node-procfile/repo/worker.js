console.log("sorting parcels");
const timer = setInterval(() => console.log("sorted one"), 5000);
process.on("SIGTERM", () => clearInterval(timer));
