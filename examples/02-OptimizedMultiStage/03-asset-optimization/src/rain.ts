export interface Month {
  name: string;
  millimetres: number;
}

export const months: Month[] = [38, 40, 51, 45, 69, 70, 70, 72, 61, 38, 49, 48].map((millimetres, i) => ({
  name: new Date(Date.UTC(2024, i)).toLocaleString("en", { month: "short", timeZone: "UTC" }),
  millimetres,
}));

export function wettest(all: Month[]): Month | undefined {
  return all.reduce<Month | undefined>((most, m) => (!most || m.millimetres > most.millimetres ? m : most), undefined);
}
