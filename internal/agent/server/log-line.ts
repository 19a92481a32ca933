/**
 * One line of a CRI log file: `2026-01-02T03:04:05.123456789Z stdout F text`. `P` marks a piece of
 * a longer line, which goes on in the next entry of the same stream.
 */
export interface LogLine {
  /** RFC 3339 with nanoseconds, as written. */
  time: string;
  stream: 'stdout' | 'stderr';
  partial: boolean;
  /** The text, with its newline unless it is partial. */
  text: Buffer;
}

const space = 0x20;

/** Undefined for a line that is not in the format (cut by a crash). `line` has no newline. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  if (first < 0 || second < 0) return undefined;
  const third = line.indexOf(space, second + 1);
  const tags = line.toString('latin1', second + 1, third < 0 ? line.length : third);
  const stream = line.toString('latin1', first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const partial = tags.split(':')[0] === 'P';
  const body = third < 0 ? Buffer.alloc(0) : line.subarray(third + 1);
  return {
    time: line.toString('latin1', 0, first),
    stream,
    partial,
    text: partial ? body : Buffer.concat([body, Buffer.from('\n')]),
  };
}

/**
 * Nanoseconds since 1970 of an RFC 3339 time with any number of digits; undefined when it is none.
 */
export function nanosOf(time: string): bigint | undefined {
  const m = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (!m) return undefined;
  const ms = Date.parse(`${m[1]}${m[3]}`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt((m[2] ?? '').padEnd(9, '0'));
}
