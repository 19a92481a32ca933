/**
 * The seed that tests of chance start from: the same in every run, so that a red run means a
 * change; another one, or `random`, by SKIFF_SEED for those who look for more.
 */
export function testSeed(): number {
  const told = process.env['SKIFF_SEED'];
  if (told === 'random') return Math.floor(performance.timeOrigin) % 1_000_000;
  const seed = Number(told ?? 1);
  if (!Number.isSafeInteger(seed))
    throw new Error(`SKIFF_SEED="${told}" is neither a whole number nor "random"`);
  return seed;
}
