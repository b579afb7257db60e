export function total(lines) {
  return lines.reduce((sum, line) => sum + line.price * line.count, 0);
}

export function discount(sum) {
  return sum > 100 ? sum * 0.9 : sum;
}
