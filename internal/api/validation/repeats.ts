/** For each value whether the same stands before it; one look at each, however many there are. */
export function repeats(values: readonly unknown[]): boolean[] {
  const seen = new Set<unknown>();
  return values.map((value) => {
    if (seen.has(value)) return true;
    seen.add(value);
    return false;
  });
}
