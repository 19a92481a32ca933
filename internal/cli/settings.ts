import { ConfigError, messageOf } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import { environmentOf, flagsOf, type Flag } from './flags.ts';

export type Value = string | number | boolean | string[];
export type Settings = Map<string, Value>;

/** Variables of k3s that name its own folders. */
const notTaken = new Set(['K3S_DATA_DIR', 'K3S_RUN_DIR']);

/**
 * The settings of `server` or `agent` from all their sources, as k3s joins them: config.yaml, then
 * config.yaml.d/*.yaml in the order of their names, then the environment, then the command line. A
 * later source replaces an earlier one; in files `key+:` appends to a list instead. `warn` is told,
 * in one line each, what has no effect.
 */
export async function gatherSettings(options: {
  command: 'server' | 'agent';
  argv: string[];
  env: Record<string, string | undefined>;
  disk: Disk;
  warn(line: string): void;
}): Promise<Settings> {
  const known = new Map(flagsOf(options.command).map((flag) => [flag.name, flag]));
  const line = fromArguments(options.argv, known, options.command);
  const environment = fromEnvironment(options.env, known, options.warn);
  const defaults: Settings = new Map();
  for (const flag of known.values())
    if (flag.default !== undefined) defaults.set(flag.name, coerce(flag, flag.default, 'default'));
  const file = String(line.get('config') ?? environment.get('config') ?? defaults.get('config'));
  const explicit = line.has('config') || environment.has('config');
  const files = await fromFiles(options, { main: file, explicit, known });
  const all = new Map([...defaults, ...files, ...environment, ...line]);
  for (const [name, value] of all) judge(known.get(name), value, options.warn);
  return all;
}

/**
 * Reads `--name value`, `--name=value`, `-x value` and the single-dash long form that k3s takes
 * too.
 */
export function fromArguments(argv: string[], known: Map<string, Flag>, command: string): Settings {
  const found: Settings = new Map();
  const shorts = new Map(
    [...known.values()].flatMap((flag) =>
      flag.short === undefined ? [] : [[flag.short, flag] as const],
    ),
  );
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    const match = /^--?([A-Za-z][\w-]*)(?:=([\s\S]*))?$/.exec(word);
    if (!match)
      throw new ConfigError(`${command} takes no argument "${word}"`, {
        op: 'flags',
        hint: `see "skiff ${command} --help"`,
      });
    const [, name = '', attached] = match;
    const flag = known.get(name) ?? shorts.get(name);
    if (!flag)
      throw new ConfigError(`unknown flag ${word.split('=')[0]}`, {
        op: 'flags',
        hint: hintFor(name, known, command),
      });
    let text = attached;
    if (text === undefined && flag.kind === 'bool') text = 'true';
    if (text === undefined) {
      text = argv[++i];
      if (text === undefined)
        throw new ConfigError(`flag --${flag.name} needs a value`, {
          op: 'flags',
          hint: `see "skiff ${command} --help"`,
        });
    }
    const value = coerce(flag, text, `--${flag.name}`);
    const before = found.get(flag.name);
    found.set(
      flag.name,
      Array.isArray(value) && Array.isArray(before) ? [...before, ...value] : value,
    );
  }
  return found;
}

/**
 * SKIFF_<NAME>, or k3s' own variable in its place, so that a machine that was set up for k3s says
 * the same to skiff.
 */
export function fromEnvironment(
  env: Record<string, string | undefined>,
  known: Map<string, Flag>,
  warn: (line: string) => void,
): Settings {
  const found: Settings = new Map();
  const ours = new Map(
    [...known.values()].flatMap((flag) => environmentOf(flag).map((name) => [name, flag] as const)),
  );
  for (const flag of known.values()) {
    const name = environmentOf(flag).find((one) => env[one]);
    if (name !== undefined) found.set(flag.name, coerce(flag, env[name], name));
  }
  for (const [theirs, text] of Object.entries(env)) {
    if (!theirs.startsWith('K3S_') || !text) continue;
    const name = theirs.replace('K3S_', 'SKIFF_');
    const flag = ours.get(name);
    if (notTaken.has(theirs))
      warn(`${theirs} is not taken: it names what belongs to k3s; say ${name}`);
    else if (!flag) warn(`${theirs} has no effect here`);
    else if (environmentOf(flag).some((one) => env[one]))
      warn(`${theirs} has no effect: ${name} is set too`);
    else {
      found.set(flag.name, coerce(flag, text, theirs));
      warn(`${theirs} is taken as ${name}`);
    }
  }
  for (const name of Object.keys(env))
    if (name.startsWith('SKIFF_') && env[name] && !ours.has(name) && !ofOurOwn(name))
      warn(`${name} has no effect${nearVariable(name, [...ours.keys()])}`);
  return found;
}

/**
 * Variables that are no flags of this command: of the other, of the program's own making, of tests,
 * and of a Service that is called skiff.
 */
function ofOurOwn(name: string): boolean {
  const others = (['server', 'agent'] as const).flatMap((command) =>
    flagsOf(command).flatMap(environmentOf),
  );
  return (
    others.includes(name) ||
    ['SKIFF_LOW_MEMORY', 'SKIFF_UNPACK_DIR', 'SKIFF_ETCD'].includes(name) ||
    /^SKIFF_(TEST_|PORT(_|$)|SERVICE_(HOST|PORT))/.test(name)
  );
}

function nearVariable(name: string, known: string[]): string {
  const near = known
    .filter((one) => editDistance(name, one) < 3)
    .toSorted((a, b) => editDistance(name, a) - editDistance(name, b))[0];
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}

interface Files {
  main: string;
  /** The file was named, so it must be there. */
  explicit: boolean;
  known: Map<string, Flag>;
}

async function fromFiles(
  { disk, command, warn }: { disk: Disk; command: 'server' | 'agent'; warn(line: string): void },
  { main, explicit, known }: Files,
): Promise<Settings> {
  const found: Settings = new Map();
  const folder = `${main}.d`;
  const names = (await disk.list('config folder', folder))
    .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'))
    .toSorted();
  const bytes = await disk.readIfThere('config file', main);
  if (!bytes && explicit) throw new ConfigError(`${main}: no such file`, { op: 'config' });
  const texts: { path: string; text: string }[] = bytes
    ? [{ path: main, text: bytes.toString() }]
    : [];
  for (const name of names)
    texts.push({
      path: `${folder}/${name}`,
      text: (await disk.read('config file', `${folder}/${name}`)).toString(),
    });
  for (const { path, text } of texts) {
    for (const [key, raw] of Object.entries(await readYaml(path, text))) {
      const append = key.endsWith('+');
      const name = append ? key.slice(0, -1) : key;
      const flag = known.get(name);
      if (!flag) {
        warn(`${path}: ${unknownKey(name, { known, command })}`);
        continue;
      }
      if (raw === null || raw === undefined) continue;
      const value = coerce(flag, raw, `${path}: ${name}`);
      const before = found.get(name);
      found.set(
        name,
        append && Array.isArray(value) && Array.isArray(before) ? [...before, ...value] : value,
      );
    }
  }
  return found;
}

/**
 * One file often serves servers and agents: what is for the other is passed over, and so is a key
 * that k3s gets one day.
 */
function unknownKey(
  name: string,
  { known, command }: { known: Map<string, Flag>; command: 'server' | 'agent' },
): string {
  const other = command === 'agent' ? 'server' : 'agent';
  if (flagsOf(other).some((flag) => flag.name === name))
    return `"${name}" is for "skiff ${other}" and has no effect here`;
  const near = hintFor(name, known, command);
  const meant = near.startsWith('did you mean') ? ` (${near})` : '';
  return `unknown key "${name}" has no effect${meant}`;
}

async function readYaml(path: string, text: string): Promise<Record<string, unknown>> {
  const { loadAll } = await import('js-yaml');
  let document: unknown;
  try {
    // A file of comments only has no document.
    [document] = loadAll(text);
  } catch (cause) {
    throw new ConfigError(`${path}: ${messageOf(cause).split('\n')[0]}`, {
      op: 'config',
      cause,
      hint: 'it must be YAML: one "flag: value" per line',
    });
  }
  if (document === null || document === undefined) return {};
  if (typeof document !== 'object' || Array.isArray(document))
    throw new ConfigError(`${path}: not a mapping`, {
      op: 'config',
      hint: 'write one "flag: value" per line',
    });
  return document as Record<string, unknown>;
}

function coerce(flag: Flag, raw: unknown, where: string): Value {
  if (flag.kind === 'args' || flag.kind === 'list') refuseObjects(raw, where);
  if (flag.kind === 'args') return (Array.isArray(raw) ? raw : [raw]).map(String).filter(Boolean);
  if (flag.kind === 'list')
    return (Array.isArray(raw) ? raw : [raw])
      .flatMap((item) => String(item).split(','))
      .map((item) => item.trim())
      .filter(Boolean);
  if (raw !== null && typeof raw === 'object')
    throw new ConfigError(`${where}: takes one value`, { op: 'config' });
  const text = String(raw);
  if (flag.kind === 'bool') {
    if (!/^(true|false|1|0|t|f)$/i.test(text))
      throw new ConfigError(`${where}: "${text}" is neither true nor false`, { op: 'config' });
    return /^(true|1|t)$/i.test(text);
  }
  if (flag.kind === 'int') {
    if (!/^-?\d+$/.test(text))
      throw new ConfigError(`${where}: "${text}" is not a whole number`, { op: 'config' });
    return Number(text);
  }
  return text;
}

/** `a: b` in the place of `a=b` is easily written, and is a mapping to YAML. */
function refuseObjects(raw: unknown, where: string): void {
  const found = (Array.isArray(raw) ? raw : [raw]).find(
    (item) => item !== null && typeof item === 'object',
  );
  if (found === undefined) return;
  const [first] = Object.entries(found as object);
  const example =
    first === undefined || Array.isArray(found) ? 'a value' : `${first[0]}=${String(first[1])}`;
  throw new ConfigError(`${where}: takes a list of texts, not a mapping`, {
    op: 'config',
    hint: `write - "${example}"`,
  });
}

/** What a flag comes to: nothing to say, one line, or no start at all. */
function judge(flag: Flag | undefined, value: Value, warn: (line: string) => void): void {
  if (!flag || value === false || value === '' || (Array.isArray(value) && value.length === 0))
    return;
  const { name, state, values } = flag;
  if (values && !values.includes(String(value)))
    throw new ConfigError(`--${name}: "${String(value)}" is not one of ${values.join(', ')}`, {
      op: 'flags',
    });
  if (typeof state === 'string') return;
  if ('refused' in state)
    throw new ConfigError(`--${name} is not supported: ${state.refused}`, {
      op: 'flags',
      hint: 'leave it out',
    });
  warn(`--${name} has no effect here: ${state.none}`);
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
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}
