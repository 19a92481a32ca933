import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cronError, localZoneName, parseCron, zoneError } from './cron.ts';

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

/**
 * Schedules, a moment, and what robfig/cron v3.0.1's ParseStandard says: what is wrong, or the next
 * three times. Left out are the zones that set the clock at midnight or by half an hour.
 */
const recorded = readFileSync(join(import.meta.dirname, 'testdata/robfig.tsv'), 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => line.split('\t') as [string, string, string]);

describe('robfig/cron', () => {
  it('has been asked enough', () => expect(recorded.length).toBeGreaterThan(400));

  it.each(recorded)('%s after %s: %s', (spec, after, said) => {
    const wrong = cronError(spec);
    if (wrong !== undefined) return expect(`error: ${wrong}`).toBe(said);
    const times: string[] = [];
    for (let ms: number | undefined = Date.parse(after); times.length < 3;) {
      ms = parseCron(spec).next(ms);
      times.push(ms === undefined ? 'never' : new Date(ms).toISOString().replace('.000Z', 'Z'));
      if (ms === undefined) break;
    }
    expect(times.join(' ')).toBe(said);
  });
});

describe('clocks that are set in odd ways', () => {
  it('misses no day where the clock is set at midnight (robfig/cron skips that day)', () => {
    // In 2026 Cairo's clock goes from 23:59 on the 23rd of April to 1:00 on the 24th.
    expect(next('30 6 * * 5', '2026-04-23T20:00:00Z', 'Africa/Cairo')).toBe(
      '2026-04-24T03:30:00.000Z',
    );
    expect(next('0 0 24 4 *', '2026-04-23T20:00:00Z', 'Africa/Cairo')).toBe(
      '2027-04-23T22:00:00.000Z',
    );
  });
  it('stays at the minute where the clock is set by half an hour', () =>
    expect(next('0 4 * * *', '2026-04-04T13:45:00Z', 'Australia/Lord_Howe')).toBe(
      '2026-04-04T17:30:00.000Z',
    ));
  it('runs every quarter of an hour that the clock shows twice', () => {
    const times: string[] = [];
    let ms = Date.parse('2026-10-25T00:40:00Z');
    for (let i = 0; i < 6; i += 1) {
      ms = parseCron('*/15 * * * *', 'Europe/Berlin').next(ms)!;
      times.push(new Date(ms).toISOString().slice(11, 16));
    }
    expect(times).toEqual(['00:45', '01:00', '01:15', '01:30', '01:45', '02:00']);
  });
});

describe('zones', () => {
  it.each(['', 'UTC', 'Local', 'Europe/Berlin', 'Etc/GMT+5', localZoneName()])(
    '%s is one',
    (name) => expect(zoneError(name)).toBeUndefined(),
  );
  it.each(['utc', 'europe/berlin', '+01:00', '-0500', 'Mars/Base', ' '])('%s is none', (name) =>
    expect(zoneError(name)).toBe(`unknown time zone ${name}`),
  );
});
