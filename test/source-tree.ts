import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';

// The sources as the tidy test reads them: text, code without comments, imports.

export const root = join(import.meta.dirname, '..');

export interface Source {
  /** Path below the root, with slashes. */
  path: string;
  text: string;
  /** The text without comments, line for line. */
  code: string;
  imports: { from: string; typeOnly: boolean; names: string[]; all: string[] }[];
}

export const sources = ['cmd', 'internal', 'test', 'build', 'images']
  .flatMap((dir) => walk(join(root, dir)))
  .map(read);

function walk(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : walk(path);
    return /\.tsx?$/.test(path) && !path.endsWith('.d.ts') ? [path] : [];
  });
}

function read(path: string): Source {
  const text = readFileSync(path, 'utf8');
  const code = withoutComments(text);
  const imports: Source['imports'] = [];
  // Static imports and re-exports; dynamic ones count too, except where a folder is loaded lazily
  // on purpose.
  for (const m of code.matchAll(
    /^\s*(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s*'([^']+)'/gm,
  )) {
    const names = /\{([^}]*)\}/.exec(m[2] ?? '')?.[1] ?? '';
    const list = names
      .split(',')
      .map((n) => n.trim())
      .filter(Boolean);
    imports.push({
      from: m[3] ?? '',
      typeOnly: m[1] !== undefined || (list.length > 0 && list.every((n) => n.startsWith('type '))),
      names: list.filter((n) => !n.startsWith('type ')).map((n) => n.split(' as ')[0] ?? n),
      all: names === '' ? ['*'] : list.map((n) => n.replace(/^type /, '').split(' as ')[0] ?? n),
    });
  }
  for (const m of code.matchAll(/^\s*import\s*'([^']+)'/gm))
    imports.push({ from: m[1] ?? '', typeOnly: false, names: [], all: [] });
  for (const m of code.matchAll(/(?<!typeof )\bimport\('([^']+)'\)/g)) {
    // `import('x').T` in a type position is a type.
    const named = /^\.(\w+)/.exec(code.slice(m.index + m[0].length));
    const before = code.slice(Math.max(0, m.index - 6), m.index);
    imports.push({
      from: m[1] ?? '',
      typeOnly: named !== null && !before.endsWith('await '),
      names: [],
      all: [before.endsWith('await ') ? '*' : (named?.[1] ?? '*')],
    });
  }
  return { path: relative(root, path).replaceAll('\\', '/'), text, code, imports };
}

/** Blanks out comments, keeping lines; good enough for code written by the rules of this house. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (c) => c.replace(/[^\n]/g, ' '))
    .replace(/(^|\s)\/\/.*$/gm, '$1');
}

export function top(path: string): string {
  return path.split('/')[1] ?? '';
}

/** Files loaded when `start` is, following imports that are not types. */
export function reachable(start: string): Set<string> {
  const byPath = new Map(sources.map((s) => [s.path, s]));
  const seen = new Set<string>();
  const queue = [start];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const { from, typeOnly } of byPath.get(path)?.imports ?? []) {
      if (!typeOnly && from.startsWith('.')) queue.push(posix.join(dirname(path), from));
    }
  }
  return seen;
}
