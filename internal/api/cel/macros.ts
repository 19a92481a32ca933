import { table } from '../../base/own.ts';
import type { FoldMacro, Node } from './ast.ts';

export interface MacroCall {
  at: number;
  name: string;
  target: Node | undefined;
  args: readonly Node[];
}

type Fail = (at: number, message: string) => never;

/** name -> its meaning by number of arguments: [names, has a filter]. */
const folds = table<{ macro: FoldMacro; shapes: Record<number, readonly [number, boolean]> }>({
  all: { macro: 'all', shapes: { 2: [1, false], 3: [2, false] } },
  exists: { macro: 'exists', shapes: { 2: [1, false], 3: [2, false] } },
  exists_one: { macro: 'existsOne', shapes: { 2: [1, false], 3: [2, false] } },
  existsOne: { macro: 'existsOne', shapes: { 3: [2, false] } },
  map: { macro: 'map', shapes: { 2: [1, false], 3: [1, true] } },
  filter: { macro: 'filter', shapes: { 2: [1, false] } },
  transformList: { macro: 'transformList', shapes: { 3: [2, false], 4: [2, true] } },
  transformMap: { macro: 'transformMap', shapes: { 3: [2, false], 4: [2, true] } },
  sortBy: { macro: 'sortBy', shapes: { 2: [1, false] } },
  transformMapEntry: { macro: 'transformMapEntry', shapes: { 3: [2, false], 4: [2, true] } },
});

/** What a call means when it is a macro; undefined when it is a plain call. */
export function expandMacro(call: MacroCall, fail: Fail): Node | undefined {
  const { at, name, target, args } = call;
  if (!target)
    return name === 'has' && args.length === 1 ? expandHas(args[0] as Node, fail) : undefined;
  if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2) {
    const [variable, body] = args as [Node, Node];
    return { kind: 'bind', at, how: name, name: nameOf(variable, fail), init: target, body };
  }
  const fold = Object.hasOwn(folds, name) ? folds[name] : undefined;
  const shape = fold?.shapes[args.length];
  if (!fold || !shape) return undefined;
  const [count, hasFilter] = shape;
  const names = args.slice(0, count).map((one) => nameOf(one, fail));
  return {
    kind: 'fold',
    at,
    macro: fold.macro,
    operand: target,
    names,
    filter: hasFilter ? args[count] : undefined,
    body: args.at(-1) as Node,
  };
}

/** `cel.bind(name, value, expression)`, of environments that have it. */
export function expandBind(
  at: number,
  [variable, init, body]: readonly [Node, Node, Node],
  fail: Fail,
): Node {
  return { kind: 'bind', at, how: 'cel.bind', name: nameOf(variable, fail), init, body };
}

function expandHas(arg: Node, fail: Fail): Node {
  if (arg.kind === 'select' && !arg.test) return { ...arg, test: true };
  return fail(arg.at, 'invalid argument to has() macro');
}

function nameOf(node: Node, fail: Fail): string {
  return node.kind === 'ident' ? node.name : fail(node.at, 'argument must be a simple name');
}
