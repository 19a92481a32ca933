import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realDisk } from '../../io/disk.ts';
import { nanosOf, parseLogLine } from './log-line.ts';
import { readLog, type LogOptions } from './log-reader.ts';

const plain: LogOptions = {
  follow: false,
  timestamps: false,
  tailLines: undefined,
  limitBytes: undefined,
  since: undefined,
  stream: 'All',
};
const at = (second: number): string => `2026-01-01T00:00:0${second}.000000001Z`;
const line = (second: number, text: string, stream = 'stdout', tag = 'F'): string =>
  `${at(second)} ${stream} ${tag} ${text}\n`;
let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'log-'));
  file = join(dir, '0.log');
});
afterEach(() => rm(dir, { recursive: true }));

async function read(options: Partial<LogOptions>, path = file): Promise<string> {
  const got: Buffer[] = [];
  const effects = {
    disk: realDisk,
    ended: Promise.resolve(),
    signal: new AbortController().signal,
    write: (d: Buffer) => Promise.resolve(void got.push(d)),
  };
  await readLog(path, { ...plain, ...options }, effects);
  return Buffer.concat(got).toString();
}

describe('readLog', () => {
  beforeEach(() =>
    writeFile(
      file,
      line(1, 'one') +
        line(2, 'tw', 'stdout', 'P') +
        line(2, 'o') +
        line(3, 'err', 'stderr') +
        line(4, 'four'),
    ),
  );

  it('joins pieces and shows both streams', async () => {
    expect(await read({})).toBe('one\ntwo\nerr\nfour\n');
    expect(await read({ stream: 'Stderr' })).toBe('err\n');
    expect(await read({}, join(dir, 'none.log'))).toBe('');
  });

  it('shows a time once a line', async () => {
    expect(await read({ timestamps: true, limitBytes: 75 })).toBe(
      `${at(1)} one\n${at(2)} two\n${at(3)} err\n`.slice(0, 75),
    );
  });

  it('starts at the tail or at a time, and stops at a number of bytes', async () => {
    expect(await read({ tailLines: 2 })).toBe('err\nfour\n');
    expect(await read({ tailLines: 0 })).toBe('');
    expect(await read({ tailLines: 100 })).toBe('one\ntwo\nerr\nfour\n');
    expect(await read({ since: nanosOf(at(3)) })).toBe('err\nfour\n');
    expect(await read({ limitBytes: 5 })).toBe('one\nt');
  });

  it('gives no more lines than were asked for, though others come meanwhile', async () => {
    await writeFile(file, Array.from({ length: 3000 }, (_, i) => line(1, `line ${i}`)).join(''));
    let got = '';
    const write = async (data: Buffer): Promise<void> => {
      got += data.toString();
      await appendFile(file, line(2, 'late'));
    };
    await readLog(
      file,
      { ...plain, tailLines: 2500 },
      { disk: realDisk, ended: Promise.resolve(), signal: new AbortController().signal, write },
    );
    expect(got.split('\n').length - 1).toBe(2500);
    expect(got).not.toContain('late');
  });

  it('finds the tail of a file larger than a piece', async () => {
    await writeFile(file, Array.from({ length: 5000 }, (_, i) => line(1, `line ${i}`)).join(''));
    expect(await read({ tailLines: 3000 })).toBe(
      Array.from({ length: 3000 }, (_, i) => `line ${i + 2000}\n`).join(''),
    );
  });

  it('follows across rotation until the container ends', async () => {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    let got = '';
    let wakeReader: () => void = () => undefined;
    const has = async (text: string): Promise<void> => {
      while (!got.includes(text)) await new Promise<void>((resolve) => (wakeReader = resolve));
    };
    const write = (d: Buffer): Promise<void> => {
      got += d.toString();
      wakeReader();
      return Promise.resolve();
    };
    const reading = readLog(
      file,
      { ...plain, follow: true, tailLines: 1 },
      { disk: realDisk, ended, signal: new AbortController().signal, write },
    );
    await has('four');
    await appendFile(file, line(5, 'five'));
    await has('five');
    await rename(file, `${file}.20260101`);
    await writeFile(file, line(6, 'six'));
    await has('six');
    await appendFile(file, line(7, 'seven'));
    end();
    await reading;
    expect(got).toBe('four\nfive\nsix\nseven\n');
  });
});

describe('log lines', () => {
  it('that were cut are passed over', () => {
    expect(parseLogLine(Buffer.from('2026-01'))).toBeUndefined();
    expect(parseLogLine(Buffer.from(`${at(1)} stdout F`))).toMatchObject({
      text: Buffer.from('\n'),
    });
  });

  it('have times to the nanosecond', () => {
    expect(nanosOf('1970-01-01T00:00:01.5Z')).toBe(1_500_000_000n);
    expect(nanosOf('1970-01-01T01:00:00+01:00')).toBe(0n);
    expect(nanosOf('yesterday')).toBeUndefined();
  });
});
