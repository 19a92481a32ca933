/**
 * Resolves an IntOrString such as `3` or `"25%"` against `total` (apimachinery
 * GetScaledValueFromIntOrPercent).
 */
export function scaled(value: unknown, total: number, roundUp: boolean): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number') return value;
  const text = String(value);
  if (!text.endsWith('%'))
    throw new TypeError('invalid value for IntOrString: invalid type: string is not a percentage');
  const percent = Number.parseInt(text.slice(0, -1), 10);
  if (Number.isNaN(percent))
    throw new TypeError(`invalid value for IntOrString: invalid value "${text}"`);
  return roundUp ? Math.ceil((percent * total) / 100) : Math.floor((percent * total) / 100);
}
