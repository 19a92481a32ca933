import { ConfigError, messageOf } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import { environmentOf, flagsOf, type Flag } from './flags.ts';

export type Value = string | number | boolean | string[];
export type Settings = Map<string, Value>;

/**
 * The settings of `server` or `agent` from all their sources, as k3s joins them: config.yaml, then config.yaml.d/*.yaml
 * in the order of their names, then the environment, then the command line. A later source replaces an earlier one;
 * in files `key+:` appends to a list instead.
 */
export async function gatherSettings(options: {
  command: 'server' | 'agent';
  argv: string[];
  env: Record<string, string | undefined>;
  disk: Disk;
}): Promise<Settings> {
  const known = new Map(flagsOf(options.command).map((flag) => [flag.name, flag]));
  const line = fromArguments(options.argv, known, options.command);
  const environment = fromEnvironment(options.env, known);
  const defaults: Settings = new Map();
  for (const flag of known.values()) if (flag.default !== undefined) defaults.set(flag.name, coerce(flag, flag.default, 'default'));
  const file = String(line.get('config') ?? environment.get('config') ?? defaults.get('config'));
  const explicit = line.has('config') || environment.has('config');
  const files = await fromFiles(options.disk, file, explicit, known, options.command);
  const all = new Map([...defaults, ...files, ...environment, ...line]);
  for (const [name, value] of all) refuse(known.get(name), value);
  return all;
}

/** Reads `--name value`, `--name=value`, `-x value` and the single-dash long form that k3s takes too. */
export function fromArguments(argv: string[], known: Map<string, Flag>, command: string): Settings {
  const found: Settings = new Map();
  const shorts = new Map([...known.values()].flatMap((flag) => (flag.short === undefined ? [] : [[flag.short, flag] as const])));
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    const match = /^--?([A-Za-z][\w-]*)(?:=([\s\S]*))?$/.exec(word);
    if (!match) throw new ConfigError(`${command} takes no argument "${word}"`, { op: 'flags', hint: `see "skiff ${command} --help"` });
    const [, name = '', attached] = match;
    const flag = known.get(name) ?? shorts.get(name);
    if (!flag) throw new ConfigError(`unknown flag ${word.split('=')[0]}`, { op: 'flags', hint: hintFor(name, known, command) });
    let text = attached;
    if (text === undefined && flag.kind === 'bool') text = 'true';
    if (text === undefined) {
      text = argv[++i];
      if (text === undefined) throw new ConfigError(`flag --${flag.name} needs a value`, { op: 'flags', hint: `see "skiff ${command} --help"` });
    }
    const value = coerce(flag, text, `--${flag.name}`);
    const before = found.get(flag.name);
    found.set(flag.name, Array.isArray(value) && Array.isArray(before) ? [...before, ...value] : value);
  }
  return found;
}

export function fromEnvironment(env: Record<string, string | undefined>, known: Map<string, Flag>): Settings {
  const found: Settings = new Map();
  for (const flag of known.values()) {
    for (const name of environmentOf(flag)) {
      const text = env[name];
      if (text === undefined || text === '') continue;
      found.set(flag.name, coerce(flag, text, name));
      break;
    }
  }
  return found;
}

async function fromFiles(disk: Disk, main: string, explicit: boolean, known: Map<string, Flag>, command: string): Promise<Settings> {
  const found: Settings = new Map();
  const folder = `${main}.d`;
  const names = (await disk.list('config folder', folder)).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.')).toSorted();
  const bytes = await disk.readIfThere('config file', main);
  if (!bytes && explicit) throw new ConfigError(`${main}: no such file`, { op: 'config' });
  const texts: { path: string; text: string }[] = bytes ? [{ path: main, text: bytes.toString() }] : [];
  for (const name of names) texts.push({ path: `${folder}/${name}`, text: (await disk.read('config file', `${folder}/${name}`)).toString() });
  for (const { path, text } of texts) {
    for (const [key, raw] of Object.entries(await readYaml(path, text))) {
      const append = key.endsWith('+');
      const name = append ? key.slice(0, -1) : key;
      const flag = known.get(name);
      if (!flag) throw new ConfigError(`${path}: unknown key "${name}"`, { op: 'config', hint: hintFor(name, known, command) });
      if (raw === null || raw === undefined) continue;
      const value = coerce(flag, raw, `${path}: ${name}`);
      const before = found.get(name);
      found.set(name, append && Array.isArray(value) && Array.isArray(before) ? [...before, ...value] : value);
    }
  }
  return found;
}

async function readYaml(path: string, text: string): Promise<Record<string, unknown>> {
  const { load } = await import('js-yaml');
  let document: unknown;
  try {
    document = text.trim() === '' ? {} : load(text);
  } catch (cause) {
    throw new ConfigError(`${path}: ${messageOf(cause).split('\n')[0]}`, { op: 'config', cause, hint: 'it must be YAML: one "flag: value" per line' });
  }
  if (document === null || document === undefined) return {};
  if (typeof document !== 'object' || Array.isArray(document)) throw new ConfigError(`${path}: not a mapping`, { op: 'config', hint: 'write one "flag: value" per line' });
  return document as Record<string, unknown>;
}

function coerce(flag: Flag, raw: unknown, where: string): Value {
  if (flag.kind === 'list') return (Array.isArray(raw) ? raw : [raw]).flatMap((item) => String(item).split(',')).map((item) => item.trim()).filter(Boolean);
  if (raw !== null && typeof raw === 'object') throw new ConfigError(`${where}: takes one value`, { op: 'config' });
  const text = String(raw);
  if (flag.kind === 'bool') {
    if (!/^(true|false|1|0|t|f)$/i.test(text)) throw new ConfigError(`${where}: "${text}" is neither true nor false`, { op: 'config' });
    return /^(true|1|t)$/i.test(text);
  }
  if (flag.kind === 'int') {
    if (!/^-?\d+$/.test(text)) throw new ConfigError(`${where}: "${text}" is not a whole number`, { op: 'config' });
    return Number(text);
  }
  return text;
}

function refuse(flag: Flag | undefined, value: Value): void {
  if (!flag || typeof flag.state === 'string') return;
  if (value === false || value === '' || (Array.isArray(value) && value.length === 0)) return;
  throw new ConfigError(`--${flag.name} is not supported: ${flag.state.refused}`, { op: 'flags', hint: 'leave it out' });
}

/** The nearest known name, when one is near: most wrong flags are typing errors. */
function hintFor(name: string, known: Map<string, Flag>, command: string): string {
  let best: string | undefined;
  let least = 3;
  for (const candidate of known.keys()) {
    const distance = editDistance(name, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best === undefined ? `see "skiff ${command} --help"` : `did you mean --${best}?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] ?? 0;
}
