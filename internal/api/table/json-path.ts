import { isDict } from '../loose.ts';
import { SkiffError } from '../../base/errors.ts';

/** The part of client-go's JSONPath that columns may use. */
export type PathStep =
  | { kind: 'field'; name: string }
  | { kind: 'index'; from: number | undefined; to: number | undefined; single: boolean }
  | { kind: 'all' }
  | { kind: 'deep' }
  | { kind: 'filter'; path: readonly PathStep[]; operator: string; value: unknown };

/** A path that cannot be read. */
export class JsonPathError extends SkiffError {
  constructor(path: string) {
    super(`unrecognized column definition ${JSON.stringify(path)}`, {
      code: 'JSON_PATH',
      op: 'table.column',
    });
  }
}

/** Parses `.spec.x`, `['a.b']`, `[0]`, `[1:2]`, `[*]`, `..x` and `[?(@.type=="Ready")]`. */
export function parseJsonPath(text: string): PathStep[] {
  const steps: PathStep[] = [];
  let rest = text.replace(/^\{|\}$/g, '').replace(/^\$/, '');
  while (rest !== '') {
    const [step, length] = nextStep(rest, text);
    if (step) steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function nextStep(rest: string, whole: string): [PathStep | undefined, number] {
  if (rest.startsWith('..')) return [{ kind: 'deep' }, rest[2] === '[' ? 2 : 1];
  const field = /^\.((?:\\.|[^.[\]\\])+)/.exec(rest);
  if (field) {
    const name = (field[1] ?? '').replace(/\\(.)/g, '$1');
    return [name === '*' ? { kind: 'all' } : { kind: 'field', name }, field[0].length];
  }
  if (rest === '.' || rest.startsWith('.[')) return [undefined, 1];
  const filter = /^\[\?\(@(.*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\)\]/.exec(rest);
  if (filter)
    return [
      {
        kind: 'filter',
        path: parseJsonPath(filter[1] ?? ''),
        operator: filter[2] ?? '',
        value: literal(filter[3] ?? ''),
      },
      filter[0].length,
    ];
  const quoted = /^\[(?:'((?:\\.|[^'])*)'|"((?:\\.|[^"])*)")\]/.exec(rest);
  if (quoted)
    return [
      { kind: 'field', name: (quoted[1] ?? quoted[2] ?? '').replace(/\\(.)/g, '$1') },
      quoted[0].length,
    ];
  const index = /^\[(?:(\*)|(-?\d+)|(-?\d*):(-?\d*))\]/.exec(rest);
  if (!index) throw new JsonPathError(whole);
  if (index[1]) return [{ kind: 'all' }, index[0].length];
  if (index[2] !== undefined)
    return [
      { kind: 'index', from: Number(index[2]), to: undefined, single: true },
      index[0].length,
    ];
  const bound = (part: string | undefined): number | undefined => (part ? Number(part) : undefined);
  return [
    { kind: 'index', from: bound(index[3]), to: bound(index[4]), single: false },
    index[0].length,
  ];
}

function literal(text: string): unknown {
  const quoted = /^(['"])(.*)\1$/.exec(text);
  if (quoted) return quoted[2];
  if (text === 'true' || text === 'false') return text === 'true';
  return text === '' ? undefined : Number.isNaN(Number(text)) ? text : Number(text);
}

/** Every value at the path; none where something on the way is missing. */
export function readJsonPath(path: readonly PathStep[], value: unknown): unknown[] {
  let values: unknown[] = [value];
  for (const step of path) values = values.flatMap((one) => take(step, one));
  return values;
}

function take(step: PathStep, value: unknown): unknown[] {
  switch (step.kind) {
    case 'field':
      if (Array.isArray(value)) return [];
      return isDict(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'all':
      return Array.isArray(value) ? value : isDict(value) ? Object.values(value) : [];
    case 'deep':
      return [
        value,
        ...(Array.isArray(value) ? value : isDict(value) ? Object.values(value) : []).flatMap(
          (inner) => take(step, inner),
        ),
      ];
    case 'index':
      if (!Array.isArray(value)) return [];
      if (!step.single) return value.slice(step.from, step.to);
      return step.from !== undefined && value.at(step.from) !== undefined
        ? [value.at(step.from)]
        : [];
    case 'filter':
      return (Array.isArray(value) ? value : isDict(value) ? Object.values(value) : []).filter(
        (item) => passes(step, item),
      );
  }
}

function passes(step: Extract<PathStep, { kind: 'filter' }>, item: unknown): boolean {
  const [found] = readJsonPath(step.path, item);
  const wanted = step.value as string | number;
  switch (step.operator) {
    case '':
      return found !== undefined;
    case '==':
      return found === wanted;
    case '!=':
      return found !== undefined && found !== wanted;
    case '<':
      return (found as number) < (wanted as number);
    case '<=':
      return (found as number) <= (wanted as number);
    case '>':
      return (found as number) > (wanted as number);
    default:
      return (found as number) >= (wanted as number);
  }
}
