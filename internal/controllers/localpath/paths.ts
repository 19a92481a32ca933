import { fieldsOf } from '../../api/object.ts';

/** Where volumes of the local-path provisioner lie, as the ConfigMap `local-path-config` says. */
export interface PathConfig {
  /** The folders of a node; none = the node makes no volumes; undefined = as unlisted nodes. */
  byNode: ReadonlyMap<string, readonly string[]>;
}

/** The entry for all nodes that have none of their own. */
const unlisted = 'DEFAULT_PATH_FOR_NON_LISTED_NODES';
/** Folders that a volume must not lie in directly: their other content is the system's. */
const forbidden = new Set(['/', '/bin', '/boot', '/dev', '/etc', '/lib', '/proc', '/sbin', '/sys']);
const longestPath = 1024;

export class PathConfigError extends Error {}

/** Reads `config.json`. Throws PathConfigError, which says what is wrong with it. */
export function parsePathConfig(text: string | undefined): PathConfig {
  if (text === undefined) throw new PathConfigError('it has no config.json');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new PathConfigError(`config.json is not JSON: ${(error as Error).message}`);
  }
  const map = isObject(document) ? document['nodePathMap'] : undefined;
  if (!Array.isArray(map))
    throw new PathConfigError(
      'config.json has no list nodePathMap: shared file systems and ' +
        'settings for each class are not carried out',
    );
  const byNode = new Map<string, readonly string[]>();
  for (const entry of map as unknown[]) {
    const { node, paths } = isObject(entry) ? entry : {};
    if (typeof node !== 'string' || !Array.isArray(paths))
      throw new PathConfigError('an entry of nodePathMap is not a node with paths');
    if (byNode.has(node)) throw new PathConfigError(`node ${node} is there twice`);
    byNode.set(node, paths.map(checkedRoot));
  }
  return { byNode };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function checkedRoot(path: unknown): string {
  const shown = JSON.stringify(path);
  if (typeof path !== 'string' || !path.startsWith('/') || path.length > longestPath)
    throw new PathConfigError(`the path ${shown} does not begin with /`);
  const clean = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (
    clean
      .slice(1)
      .split('/')
      .some((part) => !isPart(part)) ||
    forbidden.has(clean)
  )
    throw new PathConfigError(`volumes must not lie in ${shown}`);
  return clean;
}

/** One name of a path: neither a way up nor something that a shell or a table would read. */
const isPart = (part: string): boolean =>
  part !== '.' && part !== '..' && /^[A-Za-z0-9._@+-][A-Za-z0-9._@+ -]{0,254}$/.test(part);

/** The folders on a node. */
export const rootsOf = ({ byNode }: PathConfig, node: string): readonly string[] =>
  byNode.get(node) ?? byNode.get(unlisted) ?? [];

export interface Place {
  root: string;
  /** Below the root, one or more names. */
  path: string;
}

/** Splits the path of a volume; undefined when it lies in none of the roots. */
export function placeOf(path: string, roots: readonly string[]): Place | undefined {
  const root = roots.find((one) => path.startsWith(`${one}/`));
  if (root === undefined) return undefined;
  const rest = path.slice(root.length + 1);
  return isSafe(rest) ? { root, path: rest } : undefined;
}

const isSafe = (path: string): boolean => path.split('/').every(isPart);

interface Claimant {
  volume: string;
  namespace: string;
  claim: string;
  annotations: Readonly<Record<string, string>>;
}

/**
 * The folder's name: `pvc-<uid>_<namespace>_<claim>`, or what the class' `pathPattern` makes of it
 * (`{{ .PVC.Namespace }}`, `.PVC.Name`, `.PVName`, `.PVC.Annotations.x`). Throws PathConfigError.
 */
export function folderFor(of: Claimant, pattern: string | undefined): string {
  const { volume, namespace, claim, annotations } = of;
  const fields = new Map([
    ['.PVName', volume],
    ['.PVC.Namespace', namespace],
    ['.PVC.Name', claim],
  ]);
  const path =
    pattern === undefined
      ? `${volume}_${namespace}_${claim}`
      : pattern.replace(/\{\{\s*([.\w]+)\s*\}\}/g, (_, field: string) => {
          const annotation = /^\.PVC\.Annotations\.(\w+)$/.exec(field)?.[1];
          const value =
            annotation === undefined
              ? fields.get(field)
              : Object.hasOwn(annotations, annotation)
                ? annotations[annotation]
                : undefined;
          if (value === undefined) throw new PathConfigError(`pathPattern: nothing is ${field}`);
          return value;
        });
  if (!isSafe(path))
    throw new PathConfigError(`${JSON.stringify(path)} must be below the node's path`);
  return path;
}

/** Reads what a node answers when it has made a place. */
export function enforcedOf(body: Buffer): { enforced: boolean; why: string } {
  const read = fieldsOf(JSON.parse(body.toString()) as object);
  const why = read['why'];
  return { enforced: read['enforced'] === true, why: typeof why === 'string' ? why : '' };
}
