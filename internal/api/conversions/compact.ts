/** Leaves out what is not there, so that nothing becomes `undefined` in JSON. */
export function compact(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
