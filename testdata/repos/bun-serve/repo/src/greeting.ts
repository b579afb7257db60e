export function greeting(version: string): string {
  return `Bun ${version}`;
}
