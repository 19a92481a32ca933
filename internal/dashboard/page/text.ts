/**
 * What an application wrote, as it may be shown: control characters and marks that turn the
 * direction of writing are shown as what they are. A name cannot read as another one.
 */
export function visible(text: string): string {
  return text.replaceAll(hidden, (char) =>
    char === '\n' || char === '\t' ? char : `\u27E8${char.codePointAt(0)!.toString(16)}\u27E9`,
  );
}

/** Controls but for line ends and tabs, marks of direction, and characters without a width. */
const hidden =
  /[\u0000-\u001F\u007F-\u009F\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF\u{E0000}-\u{E007F}]/gu;

/** Escape sequences of terminals: colours, moves of the cursor, titles, hidden links. */
const escapes =
  /\u001B(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001B]*(?:\u0007|\u001B\\|$)|[ -/]*[0-~])?/g;

/** A line of a log without the orders that it would give a terminal. */
export function logLine(line: string): string {
  return visible(line.replaceAll(escapes, '').replace(/\r$/, ''));
}

/** How long ago, as kubectl says it. */
export function ago(since: string | null | undefined, nowMs: number): string {
  const at = Date.parse(since ?? '');
  if (Number.isNaN(at)) return '';
  const seconds = Math.max(0, Math.floor((nowMs - at) / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** By their letters; looked up by their own names alone. */
const units = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** A quantity of Kubernetes as a number; NaN for what is none. */
export function quantity(text: string | undefined): number {
  const [, digits, unit = ''] =
    /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(text ?? '') ?? [];
  const factor = new Map(Object.entries(units)).get(unit) ?? NaN;
  return digits === undefined ? NaN : Number(digits) * factor;
}

export function mebibytes(bytes: number): string {
  return bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(1)} GiB`
    : `${Math.round(bytes / 2 ** 20)} MiB`;
}
