import { own } from '../../base/own.ts';
import type { Container, Pod, ResourceFieldSelector } from '../../api/generated/types/core-v1.ts';
import { parseQuantity, quantityOf, type Quantity } from '../../api/quantity.ts';

/** What the pod object itself does not say, or says too late. */
export interface DownwardFacts {
  podIPs: string[];
  hostIPs: string[];
  /** status.allocatable of the node: what a container without limits may use. */
  allocatable: Record<string, string>;
}

/** The value of a fieldRef in an environment variable or a downward API file. */
export function fieldValue(pod: Pod, fieldPath: string, facts: DownwardFacts): string {
  const { metadata, spec } = pod;
  switch (fieldPath) {
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
    case 'spec.serviceAccount':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return facts.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIPs.join(',');
    case 'status.podIP':
      return facts.podIPs[0] ?? '';
    case 'status.podIPs':
      return facts.podIPs.join(',');
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'metadata.labels':
      return formatMap(metadata.labels);
    default:
      return subscripted(pod, fieldPath);
  }
}

function subscripted(pod: Pod, fieldPath: string): string {
  const match = /^([^[]+)\['(.*)'\]$/.exec(fieldPath);
  if (!match) throw new Error(`unsupported fieldPath: ${fieldPath}`);
  const [, path = '', key = ''] = match;
  if (path === 'metadata.annotations') return own(pod.metadata.annotations, key) ?? '';
  if (path === 'metadata.labels') return own(pod.metadata.labels, key) ?? '';
  throw new Error(`fieldPath ${JSON.stringify(fieldPath)} does not support subscript`);
}

/** `key="value"` lines in the order of their keys, quoted as Go quotes. */
export function formatMap(map: Record<string, string> | undefined): string {
  const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return entries.map(([key, value]) => `${key}=${goQuote(value)}`).join('\n');
}

const goEscapes = new Map([
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['"', '\\"'],
  ['\\', '\\\\'],
]);

/** A string as Go's %q writes it. */
function goQuote(text: string): string {
  let out = '"';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const known = goEscapes.get(char);
    if (known !== undefined) out += known;
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (/\p{C}|\p{Zl}|\p{Zp}/u.test(char) || (code !== 0x20 && /\p{Zs}/u.test(char))) {
      out +=
        code > 0xffff
          ? `\\U${code.toString(16).padStart(8, '0')}`
          : `\\u${code.toString(16).padStart(4, '0')}`;
    } else out += char;
  }
  return `${out}"`;
}

/**
 * The value of a resourceFieldRef. `own` is the container that asks when the selector names none.
 */
export function resourceValue(
  selector: ResourceFieldSelector,
  pod: Pod,
  own: Container | undefined,
  facts: DownwardFacts,
): string {
  const container = selector.containerName ? findContainer(pod, selector.containerName) : own;
  if (!container) throw new Error(`container ${selector.containerName ?? ''} not found`);
  const dot = selector.resource.indexOf('.');
  const list = selector.resource.slice(0, dot);
  const name = selector.resource.slice(dot + 1);
  const known =
    name === 'cpu' ||
    name === 'memory' ||
    name === 'ephemeral-storage' ||
    name.startsWith('hugepages-');
  if ((list !== 'limits' && list !== 'requests') || !known)
    throw new Error(`unsupported container resource : ${selector.resource}`);
  const amount =
    list === 'limits'
      ? limitOf(pod, container, name, facts)
      : quantityOf(container.resources?.requests?.[name] as string | undefined);
  return divided(amount, dividerOf(selector), name === 'cpu');
}

/** A container without a limit is limited by its pod, and a pod by the node. */
function limitOf(pod: Pod, container: Container, name: string, facts: DownwardFacts): Quantity {
  const own = quantityOf(container.resources?.limits?.[name] as string | undefined);
  if (!own.isZero() || !['cpu', 'memory', 'ephemeral-storage'].includes(name)) return own;
  const ofPod = quantityOf(pod.spec.resources?.limits?.[name] as string | undefined);
  return ofPod.isZero() ? quantityOf(facts.allocatable[name]) : ofPod;
}

function dividerOf(selector: ResourceFieldSelector): Quantity {
  const asked = quantityOf(selector.divisor as string | undefined);
  return asked.isZero() ? parseQuantity('1') : asked;
}

function divided(amount: Quantity, divisor: Quantity, milli: boolean): string {
  const [top, bottom] = milli
    ? [amount.milliValue(), divisor.milliValue()]
    : [amount.value(), divisor.value()];
  return String((top + bottom - 1n) / bottom);
}

function findContainer(pod: Pod, name: string): Container | undefined {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((c) => c.name === name);
}
