export interface Tide {
  kind: "high" | "low";
  at: string;
}

/** Tides come about every six hours and a quarter. */
export function tides(day: Date): Tide[] {
  const first = (day.getDate() * 50) % 372;
  return [0, 1, 2, 3].map((n) => {
    const minutes = first + n * 372;
    const at = `${String(Math.floor(minutes / 60) % 24).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
    return { kind: n % 2 === 0 ? "high" : "low", at };
  });
}
