import type { Node } from './ast.ts';
import type { Overload } from './registry.ts';
import {
  addSizes,
  exactly,
  most,
  multiplySizes,
  plus,
  scaled,
  times,
  type Size,
} from './cost-size.ts';
import type { CelType } from './types.ts';

/** What the cost of a call is worked out from. */
export interface CallPart {
  node: Node;
  type: CelType;
  size: Size;
  /**
   * The greatest length of its items, when it is a list (or map) of which the type of the items is
   * known.
   */
  item: { type: CelType; size: Size } | undefined;
}

export interface CallCost {
  /** At worst, arguments not counted. */
  cost: number;
  size?: Size | undefined;
}

/**
 * The greatest cost of one overload of a function: Kubernetes' library first, then the extensions
 * of the language, then the language.
 */
export function costOfCall(
  name: string,
  overload: Overload,
  target: CallPart | undefined,
  args: readonly CallPart[],
): CallCost {
  const [first] = args;
  return (
    ofLists(name, target, args) ??
    ofKubernetes(name, overload, target, first) ??
    ofStrings(name, target, args) ??
    ofPatterns(name, target, first) ??
    ofLanguage(name, overload, target, args) ?? { cost: 1 }
  );
}

export const traversal = 0.1;
export const perPatternLetter = 0.25;
const listBase = 10;
/** The greatest pattern behind a named format, and the greatest name of one. */
const formatPattern = 128;
const formatText = 64;

const constant = new Set(
  [
    'serviceAccount',
    'path',
    'group',
    'resource',
    'subresource',
    'namespace',
    'name',
    'allowed',
    'reason',
    'error',
    'errored',
  ].concat(
    [
      'masked',
      'prefixLength',
      'family',
      'isUnspecified',
      'isLoopback',
      'isLinkLocalMulticast',
      'isLinkLocalUnicast',
      'isGlobalUnicast',
      'format.named',
    ],
    [
      'sign',
      'asInteger',
      'isInteger',
      'asApproximateFloat',
      'isGreaterThan',
      'isLessThan',
      'compareTo',
      'add',
      'sub',
      'major',
      'minor',
      'patch',
    ],
    ['getScheme', 'getHostname', 'getHost', 'getPort', 'getEscapedPath', 'getQuery'],
  ),
);

/** Two checks with the authorizer are what one expression can pay. */
export const checkCost = 350_000;
export const nominal = (name: string): boolean => constant.has(name);

function ofKubernetes(
  name: string,
  overload: Overload,
  target: CallPart | undefined,
  first: CallPart | undefined,
): CallCost | undefined {
  if (name === 'check') return { cost: checkCost };
  if (constant.has(name) || (name === 'ip' && target)) return { cost: 1 };
  if (!first) return undefined;
  const read = (factor: number): CallCost => ({ cost: scaled(first.size.max, factor) });
  switch (name) {
    case 'fieldSelector':
    case 'labelSelector':
      return {
        cost: plus(
          listBase,
          scaled(first.size.max, traversal),
          times(scaled(first.size.max, 0.5), 50),
        ),
      };
    case 'url':
    case 'jsonpatch.escapeKey':
      return { ...read(traversal), size: first.size };
    case 'ip.isCanonical':
      return read(2 * traversal);
    case 'ip':
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
      return read(traversal);
    case 'validate':
      return { cost: scaled(scaled(first.size.max, traversal), formatPattern * perPatternLetter) };
    case 'containsIP':
    case 'containsCIDR':
      return {
        cost: plus(
          4,
          name === 'containsCIDR' ? 3 : 0,
          overload.params.at(-1)?.kind === 'string' ? scaled(first.size.max, traversal) : 0,
        ),
      };
    default:
      return undefined;
  }
}

const walks = new Set(['isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf']);
const isText = (type: CelType): boolean => type.kind === 'string' || type.kind === 'bytes';
const madeList = (factor: number, size: Size): CallCost => ({
  cost: plus(scaled(size.max, factor), 1, listBase),
  size,
});

function wholeNumber(part: CallPart | undefined, otherwise: number): number {
  if (part?.node.kind !== 'literal' || typeof part.node.value !== 'bigint') return otherwise;
  return Number(part.node.value < 0n ? 0n : part.node.value);
}

function ofLists(
  name: string,
  target: CallPart | undefined,
  args: readonly CallPart[],
): CallCost | undefined {
  const [first, second] = args;
  if (name.startsWith('sets.') && first && second)
    return {
      cost: plus(
        scaled(times(first.size.max, second.size.max), name === 'sets.equivalent' ? 2 : 1),
        1,
      ),
    };
  if (name === 'lists.range') return madeList(1, exactly(wholeNumber(first, most)));
  if (!target) return undefined;
  if (walks.has(name)) {
    if (!target.item) return { cost: scaled(target.size.max, traversal) };
    return {
      cost: times(
        target.size.max,
        plus(1, isText(target.item.type) ? scaled(target.item.size.max, traversal) : 0),
      ),
    };
  }
  const squared = (list: CallPart, factor: number): CallCost =>
    madeList(factor, multiplySizes(list.size, list.size));
  switch (name) {
    case 'slice': {
      const length = wholeNumber(second, target.size.max) - wholeNumber(first, 0);
      return madeList(1, exactly(length < 0 ? most : length));
    }
    case 'flatten':
      return madeList(first ? wholeNumber(first, most) : 1, target.size);
    case 'reverse':
      return madeList(1, target.size);
    case 'distinct':
      return squared(target, 2);
    case 'sort':
      return squared(target, sortFactor(target));
    case '@sortByAssociatedKeys':
      return first && squared(first, sortFactor(first));
    default:
      return undefined;
  }
}

const sortFactor = (list: CallPart): number =>
  list.item && isText(list.item.type) ? 2 + traversal : 2;

function ofStrings(
  name: string,
  target: CallPart | undefined,
  args: readonly CallPart[],
): CallCost | undefined {
  const [first, second] = args;
  const size = target?.size;
  if (!size)
    return name === 'strings.quote' && first
      ? { cost: scaled(first.size.max, traversal), size: quoted(first.size) }
      : undefined;
  switch (name) {
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
      return { cost: scaled(size.max, traversal), size };
    case 'replace':
      return (
        first &&
        second && {
          cost: scaled(size.max, 2 * traversal),
          size: replaced(size, first.size, second.size),
        }
      );
    case 'split': {
      const limit =
        second?.node.kind === 'literal' && typeof second.node.value === 'bigint'
          ? second.node.value
          : undefined;
      return {
        cost: scaled(size.max, 2 * traversal),
        size: { min: 0, max: limit === undefined ? size.max : limit < 0n ? most : Number(limit) },
      };
    }
    case 'join': {
      const text = joined(target, first);
      return { cost: scaled(text.max, traversal), size: text };
    }
    case 'format':
      return { cost: scaled(size.max, traversal) };
    case 'startsWith':
    case 'endsWith':
      return first && { cost: scaled(first.size.max, traversal) };
    default:
      return undefined;
  }
}

/** Of an unknown length upstream's sum runs over, to nothing. */
const quoted = (size: Size): Size => ({
  min: plus(size.min, 2),
  max: size.max >= most ? 0 : plus(times(size.max, 2), 2),
});

function joined(list: CallPart, separator: CallPart | undefined): Size {
  const text = list.item ? multiplySizes(list.size, list.item.size) : exactly(0);
  if (!separator) return text;
  return addSizes(
    text,
    multiplySizes(separator.size, {
      min: Math.max(0, list.size.min - 1),
      max: Math.max(0, list.size.max - 1),
    }),
  );
}

/** The longest and the shortest text that replacing can come to. */
function replaced(text: Size, from: Size, to: Size): Size {
  let [most, kept] = [0, 0];
  if (from.min === 0) [most, kept] = [plus(text.max, 1), text.max];
  else if (to.max <= from.min) kept = text.max;
  else most = Math.ceil(text.max / from.min);
  let [least, left] = [0, 0];
  if (from.max === 0) [least, left] = [plus(text.min, 1), text.min];
  else if (from.max <= to.min) left = text.min;
  else least = Math.ceil(text.min / from.max);
  return addSizes(multiplySizes({ min: least, max: most }, to), { min: left, max: kept });
}

function ofPatterns(
  name: string,
  target: CallPart | undefined,
  first: CallPart | undefined,
): CallCost | undefined {
  if (!target || !first) return undefined;
  const pattern = (): number =>
    times(scaled(plus(target.size.max, 1), traversal), scaled(first.size.max, perPatternLetter));
  if (name === 'find' || name === 'findAll')
    return { cost: pattern(), size: { min: 0, max: target.size.max } };
  if (name === 'matches') return { cost: pattern() };
  if (name === 'contains')
    return { cost: times(scaled(target.size.max, traversal), scaled(first.size.max, traversal)) };
  return undefined;
}

const orders = new Set(['_<_', '_<=_', '_>_', '_>=_']);
const flat = new Set(['Quantity', 'net.IP', 'net.CIDR', 'kubernetes.Semver', 'kubernetes.URL']);

function ofLanguage(
  name: string,
  overload: Overload,
  target: CallPart | undefined,
  args: readonly CallPart[],
): CallCost | undefined {
  const [left, right] = args;
  const kind = overload.params[0]?.kind;
  if (target || !left) return undefined;
  if (!right) {
    if (name === 'bytes' && kind === 'string')
      return {
        cost: scaled(left.size.max, traversal),
        size: { min: left.size.min, max: times(left.size.max, 4) },
      };
    if (name === 'string' && kind === 'bytes')
      return {
        cost: scaled(left.size.max, traversal),
        size: { min: Math.floor(left.size.min / 4), max: left.size.max },
      };
    return undefined;
  }
  if (name === '@in' && overload.params[1]?.kind === 'list') return { cost: right.size.max };
  if (name === '_+_' && kind === 'list') return { cost: 1, size: addSizes(left.size, right.size) };
  if (name === '_+_' && (kind === 'string' || kind === 'bytes')) {
    const size = addSizes(left.size, right.size);
    return { cost: scaled(size.max, traversal), size };
  }
  if (name === '_==_') {
    const opaque = equalOpaque(left.type, right.type);
    if (opaque !== undefined) return { cost: opaque };
  }
  const scans =
    name === '_==_' ||
    name === '_!=_' ||
    (orders.has(name) && (kind === 'string' || kind === 'bytes'));
  return scans ? { cost: scaled(Math.min(left.size.max, right.size.max), traversal) } : undefined;
}

function equalOpaque(left: CelType, right: CelType): number | undefined {
  if (left.kind !== 'opaque' || right.kind !== 'opaque' || left.name !== right.name)
    return undefined;
  if (left.name === 'kubernetes.NamedFormat') return scaled(formatText, traversal);
  return flat.has(left.name) || left.name.startsWith('kubernetes.authorization.') ? 1 : undefined;
}
