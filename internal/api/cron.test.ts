import { describe, expect, it } from 'vitest';
import { parseCron } from './cron.ts';

const next = (spec: string, after: string, zone?: string): string | undefined => {
  const ms = parseCron(spec, zone).next(Date.parse(after));
  return ms === undefined ? undefined : new Date(ms).toISOString();
};

describe('cron', () => {
  it.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00.000Z'],
    ['*/15 * * * *', '2026-01-01T00:14:59Z', '2026-01-01T00:15:00.000Z'],
    ['0 0 31 * *', '2026-02-01T00:00:00Z', '2026-03-31T00:00:00.000Z'],
    ['30 4 1,15 * 5', '2026-01-01T04:30:00Z', '2026-01-02T04:30:00.000Z'],
    ['0 22 * * mon-fri', '2026-01-02T22:00:00Z', '2026-01-05T22:00:00.000Z'],
    ['5-10/2 3 * jan *', '2026-01-01T03:05:00Z', '2026-01-01T03:07:00.000Z'],
    ['@hourly', '2026-01-01T00:00:01Z', '2026-01-01T01:00:00.000Z'],
    ['@every 1h30m', '2026-01-01T00:00:00Z', '2026-01-01T01:30:00.000Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
  ])('%s after %s is %s', (spec, after, expected) => expect(next(spec, after)).toBe(expected));

  it('says which zone is none', () => {
    for (const text of ['TZ=h @daily', 'CRON_TZ=5999 1 * * * *'])
      expect(() => parseCron(text)).toThrow(TypeError);
    expect(() => parseCron('@daily', 'h')).toThrow('unknown time zone h');
  });
  it('reckons in a time zone, over the change to summer time', () => {
    expect(next('30 9 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin')).toBe(
      '2026-03-29T07:30:00.000Z',
    );
    expect(next('30 2 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin')).toBe(
      '2026-03-30T00:30:00.000Z',
    );
  });

  it('has no next time for a day that never comes', () =>
    expect(next('0 0 31 2 *', '2026-01-01T00:00:00Z')).toBeUndefined());

  it.each([
    ['* * * *'],
    ['60 * * * *'],
    ['a * * * *'],
    ['@never'],
    ['5-1 * * * *'],
    ['*/0 * * * *'],
  ])('refuses %s', (spec) => expect(() => parseCron(spec)).toThrow(TypeError));
});
