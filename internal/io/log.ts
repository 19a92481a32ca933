import { boundedWriter, standardError } from './log-file.ts';

/** Structured log lines on standard error: `time level component message key=value`. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** The same log under another component name. */
  named(component: string): Log;
}

export type Fields = Record<string, unknown>;

const rank: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * What requests can make the log say is bounded: so many lines of one kind in this time, and none
 * longer than this.
 */
const bounds = { lines: 50, periodMs: 10_000, lineLength: 4096, kinds: 1000 };

/** A log that writes lines at or above `level` through `write`. */
export function makeLog(options: {
  level: Level;
  component?: string;
  write?: (line: string) => void;
  now?: () => number;
}): Log {
  const now = options.now ?? Date.now;
  const write = options.write ?? boundedWriter(standardError());
  return logNamed(options.component ?? 'skiff', {
    level: options.level,
    now,
    write,
    seen: new Map(),
  });
}

interface Shared {
  level: Level;
  now(): number;
  write(line: string): void;
  /** Lines of one kind since some time, by component, level and message. */
  seen: Map<string, { sinceMs: number; lines: number }>;
}

function logNamed(component: string, shared: Shared): Log {
  const put = (level: Level, message: string, fields?: Fields): void => {
    if (rank[level] < rank[shared.level]) return;
    const at = shared.now();
    // With debug on, nothing is left out.
    const kept = level === 'debug' ? 0 : unsaid(shared, `${component} ${level} ${message}`, at);
    if (kept === undefined) return;
    const head = `${new Date(at).toISOString()} ${level.toUpperCase().padEnd(5)}`;
    let line = `${head} ${component} ${message}`;
    for (const key in fields) line += ` ${key}=${show(fields[key])}`;
    if (line.length > bounds.lineLength) line = `${line.slice(0, bounds.lineLength)}...`;
    shared.write(`${line}${kept > 0 ? ` unsaid=${kept}` : ''}\n`);
  };
  return {
    debug: (m, f) => put('debug', m, f),
    info: (m, f) => put('info', m, f),
    warn: (m, f) => put('warn', m, f),
    error: (m, f) => put('error', m, f),
    named: (name) => logNamed(name, shared),
  };
}

/**
 * How many lines of this kind were left out before this one; undefined = leave this one out too.
 */
function unsaid({ seen }: Shared, kind: string, at: number): number | undefined {
  const known = seen.get(kind);
  if (!known || at - known.sinceMs >= bounds.periodMs || at < known.sinceMs) {
    if (seen.size >= bounds.kinds) seen.clear();
    seen.set(kind, { sinceMs: at, lines: 1 });
    return Math.max(0, (known?.lines ?? 0) - bounds.lines);
  }
  known.lines++;
  return known.lines <= bounds.lines ? 0 : undefined;
}

/** A log that says nothing, for tests. */
export const silentLog: Log = makeLog({ level: 'error', write: () => undefined });

function show(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === 'string') return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? 'undefined';
}
