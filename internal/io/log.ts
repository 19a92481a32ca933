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

/** A log that writes lines at or above `level` through `write`. */
export function makeLog(options: { level: Level; component?: string; write?: (line: string) => void }): Log {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const component = options.component ?? 'skiff';
  const put = (level: Level, message: string, fields?: Fields): void => {
    if (rank[level] < rank[options.level]) return;
    let line = `${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${component} ${message}`;
    for (const key in fields) line += ` ${key}=${show(fields[key])}`;
    write(line + '\n');
  };
  return {
    debug: (m, f) => put('debug', m, f),
    info: (m, f) => put('info', m, f),
    warn: (m, f) => put('warn', m, f),
    error: (m, f) => put('error', m, f),
    named: (name) => makeLog({ ...options, component: name }),
  };
}

/** A log that says nothing, for tests. */
export const silentLog: Log = makeLog({ level: 'error', write: () => undefined });

function show(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === 'string') return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? 'undefined';
}
