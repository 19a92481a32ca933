interface Bounds {
  min: number;
  max: number;
  names?: readonly string[];
}

const bounds: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  {
    min: 1,
    max: 12,
    names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];
const descriptors = new Set([
  '@yearly',
  '@annually',
  '@monthly',
  '@weekly',
  '@daily',
  '@midnight',
  '@hourly',
]);
const every = '@every ';
const greatest = 2 ** 63;

class CronError extends Error {}

/** What robfig/cron's standard parser says is wrong with a schedule; undefined when nothing is. */
export function cronError(schedule: string): string | undefined {
  try {
    check(schedule);
    return undefined;
  } catch (error) {
    if (error instanceof CronError) return error.message;
    throw error;
  }
}

function check(text: string): void {
  let spec = text;
  if (/^(CRON_)?TZ=/.test(spec)) {
    const [zone, space] = [
      spec.slice(spec.indexOf('=') + 1).split(' ')[0] ?? '',
      spec.indexOf(' '),
    ];
    if (space < 0)
      throw new CronError(
        'invalid schedule format: runtime error: slice bounds out of range [:-1]',
      );
    const wrong = zoneError(zone);
    if (wrong) throw new CronError(`provided bad location ${zone}: ${wrong}`);
    spec = spec.slice(space).trim();
  }
  if (spec === '') throw new CronError('empty spec string');
  if (spec.startsWith('@')) return checkDescriptor(spec);
  const fields = spec.split(/\s+/).filter(Boolean);
  if (fields.length !== bounds.length)
    throw new CronError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  fields.forEach((field, i) => {
    for (const part of field.split(',').filter(Boolean)) checkRange(part, bounds[i] as Bounds);
  });
}

/** What Go says about a time zone it cannot load. */
export function zoneError(zone: string): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone || 'UTC' });
    return undefined;
  } catch {
    return `unknown time zone ${zone}`;
  }
}

function checkDescriptor(text: string): void {
  if (descriptors.has(text)) return;
  if (!text.startsWith(every)) throw new CronError(`unrecognized descriptor: ${text}`);
  const duration = text.slice(every.length);
  if (!/^[-+]?(0|([0-9]*\.?[0-9]*(ns|us|µs|ms|s|m|h))+)$/.test(duration))
    throw new CronError(
      `failed to parse duration ${text}: time: invalid duration ${JSON.stringify(duration)}`,
    );
}

function checkRange(text: string, { min, max, names }: Bounds): void {
  const [range = '', stepText, ...more] = text.split('/');
  const [low = '', high, ...rest] = range.split('-');
  let [start, end] = [min, max];
  if (low !== '*' && low !== '?') {
    start = end = valueOf(low, names, min);
    if (high !== undefined) end = valueOf(high, names, min);
    if (rest.length > 0) throw new CronError(`too many hyphens: ${text}`);
  }
  let step = 1;
  if (stepText !== undefined && more.length === 0) {
    step = integer(stepText);
    if (high === undefined) end = max;
  }
  if (more.length > 0) throw new CronError(`too many slashes: ${text}`);
  if (start < min)
    throw new CronError(`beginning of range (${start}) below minimum (${min}): ${text}`);
  if (end > max) throw new CronError(`end of range (${end}) above maximum (${max}): ${text}`);
  if (start > end)
    throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`);
}

function valueOf(text: string, names: readonly string[] | undefined, first: number): number {
  const index = names?.indexOf(text.toLowerCase()) ?? -1;
  return index >= 0 ? index + first : integer(text);
}

function integer(text: string): number {
  if (!/^[-+]?[0-9]+$/.test(text))
    throw new CronError(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: ` +
        'invalid syntax',
    );
  const value = Number(text);
  if (Math.abs(value) >= greatest)
    throw new CronError(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: ` +
        'value out of range',
    );
  if (value < 0) throw new CronError(`negative number (${value}) not allowed: ${text}`);
  return value;
}
