import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { reachable, root, sources, top } from './source-tree.ts';
import { linesOfTexts } from './texts-of-lines.ts';

/**
 * The house rules a machine can hold. The table is the one of internal/decisions/0004-floors.md: a
 * folder imports only from floors below its own, and from its own subfolders.
 */
const floors: Record<string, number> = {
  base: 0,
  io: 0,
  api: 1,
  pki: 1,
  wire: 1,
  store: 2,
  etcd: 3,
  apiserver: 3,
  client: 3,
  scheduler: 4,
  controllers: 4,
  agent: 4,
  network: 4,
  dashboard: 4,
  supervisor: 5,
  cli: 6,
};

/** io stands beside base on the ground floor and may use it: errors have to come from somewhere. */
const neighbours = new Set(['io -> base']);

/** Packages that can hurt, and the folders (or files) that may touch them. */
const homes: Record<string, { homes: string[]; say: string }> = {
  'better-sqlite3': { homes: ['store/sqlite'], say: 'go through the Store interface' },
  hono: { homes: ['apiserver'], say: 'routes live in internal/apiserver' },
  '@grpc/grpc-js': { homes: ['io', 'etcd'], say: 'use the gRPC door in internal/io' },
  pg: { homes: ['store', 'io'], say: 'go through the Store interface' },
  'ipaddr.js': { homes: ['base'], say: 'use internal/base/addresses.ts' },
};

/** Node modules that are doors to the machine, and what to use instead. */
const doors: Record<string, string> = {
  fs: 'take `disk: Disk` (internal/io/disk.ts)',
  'fs/promises': 'take `disk: Disk` (internal/io/disk.ts)',
  child_process: 'take `spawn: Spawn` (internal/io/spawn.ts)',
  net: 'use internal/io/sockets.ts',
  tls: 'take `dial: Dial` (internal/io/dial.ts)',
  dns: 'take `dial: Dial` (internal/io/dial.ts)',
  http: 'take `dial: Dial` (internal/io/dial.ts), or serve by internal/io/https-server.ts',
  https: 'take `dial: Dial` (internal/io/dial.ts), or serve by internal/io/https-server.ts',
  http2: 'use the servers and clients of internal/io',
  dgram: 'use internal/io/sockets.ts',
  timers: 'take `clock: Clock` (internal/io/clock.ts)',
  'timers/promises': 'take `clock: Clock` (internal/io/clock.ts)',
  worker_threads: 'use startWorker of internal/io/worker.ts',
  os: 'use internal/io/host.ts',
};

/** Pure names of door modules, which touch nothing, and the one file that may use each. */
const harmless: Record<string, string> = {
  isIP: 'internal/base/addresses.ts',
  isIPv6: 'internal/base/addresses.ts',
  STATUS_CODES: 'internal/apiserver/proxy/upgrade.ts',
};

/**
 * Who takes the real door by its name; everybody else is handed one. The ciphers of the store: a
 * nonce from a fake would give secrets away.
 */
const realDoorsIn = new Set([
  'internal/supervisor/doors.ts',
  'internal/supervisor/find-tool.ts',
  'internal/agent/machine.ts',
  'internal/store/cipher.ts',
  'internal/store/encrypted-store.ts',
]);

/** Fakes that are not in the file `x.fake.ts` beside the door `x.ts`. */
const fakesElsewhere: Record<string, string> = {
  'clock.ts': 'clock-fake.ts',
  'random.ts': 'random.ts',
  'tree.ts': 'disk.fake.ts',
};

const globals: { pattern: RegExp; say: string }[] = [
  { pattern: /\bDate\.now\(/, say: 'Date.now: take `clock: Clock` and call clock.now()' },
  {
    pattern: /\bnew Date\(\)/,
    say: 'new Date(): take `clock: Clock` and call new Date(clock.now())',
  },
  {
    pattern: /\bMath\.random\(/,
    say: 'Math.random: take `random: Random` (internal/io/random.ts)',
  },
  {
    pattern: /(?<![.\w])setTimeout\(/,
    say: 'setTimeout: take `clock: Clock` and call clock.after() or clock.sleep()',
  },
  {
    pattern: /(?<![.\w])setInterval\(/,
    say: 'setInterval: take `clock: Clock` and call clock.every()',
  },
  {
    pattern: /\bperformance\.now\(/,
    say: 'performance.now: take `clock: Clock` and call clock.monotonicMs()',
  },
  { pattern: /\bsetImmediate\b/, say: 'setImmediate: use internal/io/turn.ts' },
  {
    pattern: /\b(?:randomBytes|randomUUID|randomInt|randomFillSync|getRandomValues)\b/,
    say: 'take `random: Random` (internal/io/random.ts)',
  },
];

const forbiddenNames = /(^|[-/])(utils?|helpers?|manager|common)(\.tsx?|[-/]|$)/;

const maxLines = 500;
const maxColumns = 100;
/** A pattern, or the import of one name, that has a line of its own: neither can be broken. */
const unbreakable =
  /^\s*!?\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+\/[a-z]*(?:[,;]|\.(?:test|exec)\()?$|^import (?:type )?\{ \w+ \} from '[^']+';$/;
const maxReadmeLines = 40;
/** A type that does not fit is told so where it is declared; fixtures are made by partOf(). */
const maxCastsThroughUnknown = 20;

const inner = sources.filter((s) => s.path.startsWith('internal/'));
const production = inner.filter(
  (s) =>
    !/\.test\.ts$/.test(s.path) &&
    !s.path.includes('/generate/') &&
    !s.path.includes('/testing/') &&
    !s.path.endsWith('/dev.ts'),
);

describe('layers', () => {
  test('a folder imports only from floors below it', () => {
    const faults: string[] = [];
    for (const source of production) {
      const home = top(source.path);
      for (const { from } of source.imports) {
        if (!from.startsWith('.')) continue;
        const target = posix.join(posix.dirname(source.path), from);
        if (!target.startsWith('internal/')) {
          faults.push(`${source.path} imports ${target}: internal/ knows nothing outside itself`);
          continue;
        }
        const other = top(target);
        if (other === home || neighbours.has(`${home} -> ${other}`)) continue;
        if ((floors[other] ?? 99) >= (floors[home] ?? -1))
          faults.push(
            `${source.path} (floor ${floors[home]}) imports ${target} (floor ${floors[other]})`,
          );
      }
    }
    expect(faults).toEqual([]);
  });

  test('every folder of internal/ has a floor', () => {
    const folders = readdirSync(join(root, 'internal'), { withFileTypes: true }).filter(
      (e) => e.isDirectory() && e.name !== 'decisions',
    );
    expect(folders.map((e) => e.name).filter((name) => floors[name] === undefined)).toEqual([]);
  });

  test('the start path of an agent loads nothing of the API server, the store or etcd', () => {
    for (const start of [
      'internal/cli/node-config.ts',
      'internal/supervisor/node-process.ts',
      'internal/supervisor/agent.ts',
    ]) {
      const seen = reachable(start);
      expect(existsSync(join(root, start))).toBe(true);
      expect(
        [...seen].filter((path) =>
          /^internal\/(apiserver|store|etcd|controllers|scheduler)\//.test(path),
        ),
      ).toEqual([]);
    }
    // It is the real one: both halves of a node are loaded.
    const node = reachable('internal/supervisor/node-process.ts');
    expect(node).toContain('internal/agent/pods/worker.ts');
    expect(node).toContain('internal/network/network.ts');
  });

  test('dangerous packages stay at home', () => {
    const faults: string[] = [];
    for (const source of production) {
      for (const { from, typeOnly } of source.imports) {
        const name = Object.keys(homes).find((p) => from === p || from.startsWith(`${p}/`));
        const rule = name === undefined ? undefined : homes[name];
        if (!rule || typeOnly) continue;
        if (!rule.homes.some((home) => source.path.startsWith(`internal/${home}/`)))
          faults.push(`${source.path} imports ${from}: ${rule.say}`);
      }
    }
    expect(faults).toEqual([]);
  });
});

describe('doors to the machine', () => {
  /** io is the door; the SQLite writer needs synchronous files by its nature. */
  const outside = production.filter(
    (s) =>
      !s.path.startsWith('internal/io/') &&
      !s.path.startsWith('internal/store/sqlite/') &&
      // Runs in a browser, which is its machine.
      !s.path.startsWith('internal/dashboard/page/'),
  );

  const io = join(root, 'internal/io');
  const doorFiles = readdirSync(io).filter((file) =>
    /^export (?:const real[A-Z]|function makeMounts)/m.test(readFileSync(join(io, file), 'utf8')),
  );
  const doorNames = new Set(
    doorFiles.flatMap((file) =>
      [...readFileSync(join(io, file), 'utf8').matchAll(/^export const (real\w+)/gm)].map(
        ([, name]) => name!,
      ),
    ),
  );

  test('no module of the machine is imported outside io', () => {
    const faults: string[] = [];
    for (const source of outside) {
      for (const { from, typeOnly, names } of source.imports) {
        const say = doors[from.replace(/^node:/, '')];
        if (
          say === undefined ||
          typeOnly ||
          (names.length > 0 && names.every((n) => harmless[n] === source.path))
        )
          continue;
        faults.push(`${source.path} imports ${from}: ${say}`);
      }
    }
    expect(faults).toEqual([]);
  });

  test('a door is handed on: few take the real one, others at most as a default', () => {
    const faults: string[] = [];
    for (const { path, code } of outside) {
      if (realDoorsIn.has(path) || path.startsWith('internal/cli/') || path.endsWith('.fake.ts'))
        continue;
      for (const [line, door] of code.matchAll(
        /^.*\b(real(?!Path\b|Doors\b|Machine\b)[A-Z]\w+).*$/gm,
      ))
        if (doorNames.has(door!) && !/^import |(?: =|\?\?) real\w+[,;]?(?: *[)}].*)?$/.test(line))
          faults.push(`${path}: ${line.trim()}`);
    }
    expect(faults).toEqual([]);
  });

  test('each door has a fake', () => {
    const faults = doorFiles.filter(
      (file) => !existsSync(join(io, fakesElsewhere[file] ?? file.replace('.ts', '.fake.ts'))),
    );
    expect(faults).toEqual([]);
  });

  test('no clock, timer or chance outside io', () => {
    const faults: string[] = [];
    for (const source of outside) {
      source.code.split('\n').forEach((line, i) => {
        for (const { pattern, say } of globals)
          if (pattern.test(line)) faults.push(`${source.path}:${i + 1} ${say}`);
      });
    }
    expect(faults).toEqual([]);
  });
});

/**
 * A map that people fill, asked for a name that may come from outside. Text compared with what is
 * found cannot be fooled; whether something is there at all can.
 */
const fooled =
  /\b(?:labels|annotations|data|binaryData|nodeSelector|matchLabels|properties|staticTokens|disruptedPods)(?:\?\.|!)?\[(?:key|name|k|token|[\w.!?]+\.(?:key|name|topologyKey)!?)\](?!\s*(?:\?\?)?=(?!=))(?!\s*[!=]==\s*(?!undefined))/g;

describe('names from outside', () => {
  test('a table of constants is made by table(), which answers to its own names alone', () => {
    const faults: string[] = [];
    for (const source of production) {
      if (source.path.includes('/generated/')) continue;
      source.code.split('\n').forEach((line, i) => {
        if (/^(?:export )?const \w+: (?:Readonly<)?Record<string, .*= \{(?!\s*\};?$)/.test(line))
          faults.push(`${source.path}:${i + 1} use table() of internal/base/own.ts`);
      });
    }
    expect(faults).toEqual([]);
  });

  test('a map that people fill is asked by own()', () => {
    const faults: string[] = [];
    for (const source of production) {
      source.code.split('\n').forEach((line, i) => {
        if (/Object\.(?:hasOwn|keys)|^\s*delete |\bfor \(const \w+ in /.test(line)) return;
        for (const [found] of line.matchAll(fooled))
          faults.push(`${source.path}:${i + 1} ${found}: use own() of internal/base/own.ts`);
      });
    }
    expect(faults).toEqual([]);
  });
});

describe('exports', () => {
  /** Names by the file they are imported from. */
  const used = new Map<string, Set<string>>();
  for (const source of sources)
    for (const { from, all } of source.imports) {
      const target = posix.join(posix.dirname(source.path), from);
      const names = used.get(target) ?? new Set();
      used.set(target, names);
      for (const name of all) names.add(name);
    }

  test('what is exported is imported somewhere; a type may also be for signatures', () => {
    const faults: string[] = [];
    const declared =
      /^export (?:abstract )?(?:async )?(interface|type|class|function\*?|const|let) (\w+)/gm;
    for (const { path, code } of sources) {
      const names = used.get(path);
      // A list of attacks is imported by its path, one file after the other.
      if (path.includes('/generated/') || names?.has('*') || path.includes('/attacks/list/'))
        continue;
      for (const [, kind, name = ''] of code.matchAll(declared)) {
        if (names?.has(name)) continue;
        const isType = kind === 'interface' || kind === 'type';
        if (!isType || code.match(new RegExp(`\\b${name}\\b`, 'g'))?.length === 1)
          faults.push(`${path} ${name}`);
      }
    }
    expect(faults).toEqual([]);
  });

  test('every file of internal/ is imported, started or a test', () => {
    const started = /\.(?:test|fake)\.ts$|\/(?:generate|testing)\/|\/dev\.ts$/;
    const faults = inner.filter(({ path }) => {
      if (started.test(path) || used.has(path) || path.includes('/types/')) return false;
      return !sources.some((s) => s.path !== path && s.text.includes(`${posix.basename(path)}'`));
    });
    expect(faults.map((s) => s.path)).toEqual([]);
  });
});

describe('files', () => {
  test(`no file is longer than ${maxLines} lines`, () => {
    const long = sources
      .filter((s) => !s.path.includes('/generated/'))
      .map((s) => [s.path, s.text.split('\n').length] as const);
    expect(long.filter(([, lines]) => lines > maxLines + 1)).toEqual([]);
  });

  test(`no line is longer than ${maxColumns} columns`, () => {
    const faults: string[] = [];
    for (const { path, text } of sources) {
      if (path.includes('/generated/')) continue;
      const long = text
        .split('\n')
        .map((line, i) => ({ line, at: i + 1 }))
        .filter(({ line }) => line.length > maxColumns && !unbreakable.test(line));
      const texts = long.length > 0 ? linesOfTexts(text) : undefined;
      for (const { at } of long) if (!texts?.has(at)) faults.push(`${path}:${at}`);
    }
    expect(faults).toEqual([]);
  });

  test('names are kebab-case and say something', () => {
    const faults = sources
      .map((s) => s.path)
      .filter((p) => forbiddenNames.test(p) || !/^[a-z0-9./-]+$/.test(p));
    expect(faults).toEqual([]);
  });

  test('no `any`', () => {
    const faults: string[] = [];
    for (const s of sources) {
      if (s.path.includes('/generated/') || s.path === 'test/tidy.test.ts') continue;
      s.code.split('\n').forEach((line, i) => {
        if (/(:\s*|<|\bas )any\b(?!\w)/.test(line.replace(/'[^']*'|`[^`]*`/g, "''")))
          faults.push(`${s.path}:${i + 1}`);
      });
    }
    expect(faults).toEqual([]);
  });

  test('a cast through unknown is a last resort', () => {
    const casts = sources.flatMap((s) =>
      s.path === 'test/tidy.test.ts'
        ? []
        : (s.code.match(/\bas unknown as\b/g) ?? []).map(() => s.path),
    );
    expect(casts.length, casts.join('\n')).toBeLessThanOrEqual(maxCastsThroughUnknown);
  });

  test('keys of the store are made by registryKey() and registryPrefix()', () => {
    const literal = /(['`])\/registry\//;
    const home = 'internal/api/registry-key.ts';
    expect(
      production.filter((s) => s.path !== home && literal.test(s.code)).map((s) => s.path),
    ).toEqual([]);
  });

  test('nothing names a machine, a registry host of packages, or an issue', () => {
    const traces =
      /\/work\/(main|shared)|registry\.npmjs|deb\.debian\.org|proxy\.golang\.org|\bissue #\d+/i;
    expect(
      sources
        .filter((s) => s.path !== 'test/tidy.test.ts' && traces.test(s.text))
        .map((s) => s.path),
    ).toEqual([]);
  });

  test(`every folder of internal/ opens with a README of at most ${maxReadmeLines} lines`, () => {
    const faults: string[] = [];
    for (const entry of readdirSync(join(root, 'internal'), { withFileTypes: true })) {
      if (
        !entry.isDirectory() ||
        entry.name === 'decisions' ||
        readdirSync(join(root, 'internal', entry.name), { recursive: true }).length === 0
      )
        continue;
      const readme = join(root, 'internal', entry.name, 'README.md');
      if (!existsSync(readme)) faults.push(`internal/${entry.name} has no README.md`);
      else if (readFileSync(readme, 'utf8').trimEnd().split('\n').length > maxReadmeLines)
        faults.push(`internal/${entry.name}/README.md is too long`);
    }
    expect(faults).toEqual([]);
  });

  test('cmd/skiff.ts is an entrance and nothing else', () => {
    const entrance = sources.find((s) => s.path === 'cmd/skiff.ts');
    expect(entrance?.text.trimEnd().split('\n').length).toBeLessThanOrEqual(20);
  });
});
