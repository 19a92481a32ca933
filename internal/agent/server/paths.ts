/** One path of the node's API. */
export interface NodePath {
  /** `{name}` takes one segment, a last `*` whatever is left. */
  path: string;
  methods: readonly string[];
  /** Subresources of `nodes`, each of which allows it: the finest first (KEP-2862). */
  allowedBy: readonly [string, ...string[]];
  /**
   * Runs something in a pod or carries a stream to it. A WebSocket comes by GET, and reading is not
   * running: the right asked for is always `create`.
   */
  runs?: true;
  /** A verb of its own, whatever the method. */
  verb?: string;
}

const get = ['GET'];
const streamed = ['GET', 'POST'];

/** All of it: what is not here is answered 404, another method 405. */
export const nodePaths: readonly NodePath[] = [
  { path: '/healthz', methods: get, allowedBy: ['healthz', 'proxy'] },
  { path: '/healthz/{check}', methods: get, allowedBy: ['healthz', 'proxy'] },
  { path: '/pods', methods: get, allowedBy: ['pods', 'proxy'] },
  { path: '/runningpods', methods: get, allowedBy: ['pods', 'proxy'] },
  { path: '/configz', methods: get, allowedBy: ['configz', 'proxy'] },
  { path: '/stats/summary', methods: get, allowedBy: ['stats'] },
  { path: '/metrics', methods: get, allowedBy: ['metrics'] },
  { path: '/metrics/{which}', methods: get, allowedBy: ['metrics'] },
  { path: '/logs/*', methods: get, allowedBy: ['log'] },
  { path: '/localvolumes', methods: ['POST', 'PUT', 'DELETE'], allowedBy: ['proxy'] },
  { path: '/upgrade', methods: streamed, allowedBy: ['proxy'] },
  { path: '/containerLogs/{namespace}/{pod}/{container}', methods: get, allowedBy: ['proxy'] },
  { path: '/shell', methods: ['GET'], allowedBy: ['shell'], verb: 'shell' },
  {
    path: '/run/{namespace}/{pod}/{container}',
    methods: ['POST'],
    allowedBy: ['proxy'],
    runs: true,
  },
  {
    path: '/run/{namespace}/{pod}/{uid}/{container}',
    methods: ['POST'],
    allowedBy: ['proxy'],
    runs: true,
  },
  {
    path: '/exec/{namespace}/{pod}/{container}',
    methods: streamed,
    allowedBy: ['proxy'],
    runs: true,
  },
  {
    path: '/exec/{namespace}/{pod}/{uid}/{container}',
    methods: streamed,
    allowedBy: ['proxy'],
    runs: true,
  },
  {
    path: '/attach/{namespace}/{pod}/{container}',
    methods: streamed,
    allowedBy: ['proxy'],
    runs: true,
  },
  {
    path: '/attach/{namespace}/{pod}/{uid}/{container}',
    methods: streamed,
    allowedBy: ['proxy'],
    runs: true,
  },
  { path: '/portForward/{namespace}/{pod}', methods: streamed, allowedBy: ['proxy'], runs: true },
  {
    path: '/portForward/{namespace}/{pod}/{uid}',
    methods: streamed,
    allowedBy: ['proxy'],
    runs: true,
  },
];

/** A request's path, understood once: who may and who serves are decided on the same reading. */
export interface FoundPath {
  /** Undefined = there is no such path. */
  entry: NodePath | undefined;
  /** The first segment. */
  first: string;
  named: Readonly<Record<string, string>>;
  /** What `*` took. */
  rest: readonly string[];
}

const table = nodePaths.map((entry) => ({ entry, pattern: entry.path.split('/').slice(1) }));

/** Reads the path of a request target. Undefined for one that cannot be read. */
export function findPath(target: string): FoundPath | undefined {
  const path = target.split(/[?#]/, 1)[0] ?? '';
  if (!path.startsWith('/')) return undefined;
  const segments: string[] = [];
  for (const part of path.split('/').slice(1)) {
    const segment = decoded(part);
    // An encoded slash would be one name to us and two to whom it is handed on.
    if (segment === undefined || segment === '.' || segment === '..' || /[/\0]/.test(segment))
      return undefined;
    segments.push(segment);
  }
  if (segments.length > 1 && segments.at(-1) === '') segments.pop();
  for (const { entry, pattern } of table) {
    const match = matched(pattern, segments);
    if (match) return { entry, first: segments[0] ?? '', ...match };
  }
  return { entry: undefined, first: segments[0] ?? '', named: {}, rest: [] };
}

function matched(
  pattern: readonly string[],
  segments: readonly string[],
): { named: Record<string, string>; rest: string[] } | undefined {
  const open = pattern.at(-1) === '*';
  const fixed = open ? pattern.slice(0, -1) : pattern;
  if (open ? segments.length < fixed.length : segments.length !== fixed.length) return undefined;
  const named: [string, string][] = [];
  for (const [i, part] of fixed.entries()) {
    const segment = segments[i] ?? '';
    if (part.startsWith('{')) {
      if (segment === '') return undefined;
      named.push([part.slice(1, -1), segment]);
    } else if (part !== segment) return undefined;
  }
  return { named: Object.fromEntries(named), rest: segments.slice(fixed.length) };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const verbs = new Map([
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/** What must be allowed on the node for a request: the verb, and any of the subresources. */
export function rightsFor(
  found: FoundPath,
  method: string,
): { verb: string; subresources: readonly string[] } {
  const { runs, verb } = found.entry ?? {};
  return {
    verb: verb ?? (runs ? 'create' : (verbs.get(method) ?? method.toLowerCase())),
    subresources: found.entry?.allowedBy ?? ['proxy'],
  };
}
