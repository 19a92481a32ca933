import { join } from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { messageOf } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import { flagsOf, type Flag } from './flags.ts';
import { fromArguments, fromEnvironment } from './settings.ts';

const op = 'migrate';
/** What names a place or a state of k3s, or another server of it. */
const notCarried = new Set([
  'config',
  'data-dir',
  'server',
  'cluster-reset',
  'cluster-reset-restore-path',
  'datastore-endpoint',
  'datastore-cafile',
  'datastore-certfile',
  'datastore-keyfile',
  'token',
  'token-file',
]);

export interface K3sConfig {
  /** config.yaml for skiff. */
  text: string;
  notes: string[];
}

export interface K3sPlaces {
  /** Folder of config.yaml and registries.yaml. */
  configDir: string;
  /** Service files that may hold flags: a systemd unit, and the file with its environment. */
  unit: string;
  environment: string;
}

/**
 * What k3s was told, in its files, its service and the environment of that, as one config.yaml.
 * Throws nothing: what cannot be read is a note.
 */
export async function k3sConfig(disk: Disk, places: K3sPlaces): Promise<K3sConfig> {
  const known = new Map(flagsOf('server').map((flag) => [flag.name, flag]));
  const notes: string[] = [];
  const said: Record<string, unknown> = {};
  const main = join(places.configDir, 'config.yaml');
  const parts = (await disk.list(op, `${main}.d`))
    .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'))
    .toSorted();
  for (const path of [main, ...parts.map((name) => join(`${main}.d`, name))]) {
    const text = (await disk.readIfThere(op, path))?.toString();
    if (text !== undefined) merge(said, yaml(path, text, notes));
  }
  const attempt = (what: string, read: () => Iterable<[string, unknown]>): void => {
    try {
      for (const [name, value] of read()) said[name] = value;
    } catch (error) {
      notes.push(`${what} could not be read: ${messageOf(error)}`);
    }
  };
  const variables = environmentIn(
    (await disk.readIfThere(op, places.environment))?.toString() ?? '',
  );
  attempt(places.environment, () => fromEnvironment(variables, known, () => undefined));
  const words = wordsOf((await disk.readIfThere(op, places.unit))?.toString() ?? '');
  attempt(places.unit, () => fromArguments(words, known, 'server'));
  return { text: configText(said, known, notes), notes };
}

function merge(said: Record<string, unknown>, more: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(more)) {
    const name = key.replace(/\+$/, '');
    said[name] = key.endsWith('+') && said[name] !== undefined ? [said[name], value].flat() : value;
  }
}

function yaml(path: string, text: string, notes: string[]): Record<string, unknown> {
  try {
    const found = loadAll(text)[0] ?? {};
    if (typeof found === 'object' && !Array.isArray(found)) return found as Record<string, unknown>;
    notes.push(`${path} is not a mapping`);
  } catch (error) {
    notes.push(`${path} could not be read: ${messageOf(error).split('\n')[0]}`);
  }
  return {};
}

function configText(
  said: Record<string, unknown>,
  known: Map<string, Flag>,
  notes: string[],
): string {
  const kept: Record<string, unknown> = {};
  const commented: string[] = [];
  for (const [name, value] of Object.entries(said)) {
    const state = known.get(name)?.state;
    if (notCarried.has(name)) {
      if (!['token', 'token-file', 'config'].includes(name))
        notes.push(`configuration: "${name}" is not carried over: it names what belongs to k3s`);
    } else if (
      typeof state === 'object' &&
      'refused' in state &&
      value !== false &&
      value !== 'false'
    ) {
      notes.push(
        `configuration: "${name}" is not supported (${state.refused}) and is commented out: ` +
          'think before you start',
      );
      commented.push(
        dump({ [name]: value })
          .trimEnd()
          .replaceAll(/^/gm, '# '),
      );
    } else kept[name] = value;
  }
  const body = Object.keys(kept).length > 0 ? dump(kept, { lineWidth: -1 }) : '';
  return (
    ['# Brought over from k3s by "skiff migrate k3s".', ...commented, body].join('\n').trimEnd() +
    '\n'
  );
}

/** `NAME='value'` lines, as the installer of k3s writes them. */
function environmentIn(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = '', raw = ''] of text.matchAll(/^(K3S_[A-Z0-9_]+)=(.*)$/gm))
    found[name] = raw.replace(/^(['"])(.*)\1$/, '$2').replaceAll("'\\''", "'");
  return found;
}

/** The flags behind `k3s server` in a unit's ExecStart, which goes over several lines. */
function wordsOf(unit: string): string[] {
  const line = /^ExecStart=((?:.*\\\r?\n)*.*)$/m.exec(unit)?.[1]?.replaceAll(/\\\r?\n/g, ' ') ?? '';
  const words = [...line.matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, single, double, plain]) =>
      (single ?? double?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '')
        .replaceAll('$$', '$')
        .replaceAll('%%', '%'),
  );
  const at = words.indexOf('server');
  return at < 0 ? [] : words.slice(at + 1);
}
