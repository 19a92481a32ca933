import type { Container, Pod, PodSpec, PodStatus } from '../generated/types/core-v1.ts';
import { quantityOf } from '../quantity.ts';

/** Amounts by resource name: cpu in millicores, everything else in its whole unit. */
export type Amounts = Map<string, number>;

export function amountsOf(list: Record<string, string> | undefined): Amounts {
  const amounts: Amounts = new Map();
  for (const [name, text] of Object.entries(list ?? {})) amounts.set(name, amountOf(name, text));
  return amounts;
}

export function amountOf(name: string, text: string): number {
  const quantity = quantityOf(text);
  return Number(name === 'cpu' ? quantity.milliValue() : quantity.value());
}

function addAmounts(into: Amounts, more: Amounts): Amounts {
  for (const [name, value] of more) into.set(name, (into.get(name) ?? 0) + value);
  return into;
}

function maxAmounts(into: Amounts, other: Amounts): Amounts {
  for (const [name, value] of other) into.set(name, Math.max(into.get(name) ?? 0, value));
  return into;
}

type Part = 'requests' | 'limits';
const partOf = (container: Container, part: Part, fallback: (c: Container) => Amounts): Amounts => {
  const amounts = amountsOf(container.resources?.[part]);
  for (const [name, value] of fallback(container)) if (!amounts.has(name)) amounts.set(name, value);
  return amounts;
};

const nothing = (): Amounts => new Map();

/** Resources that may be set for a whole pod (KEP-2837). */
const podLevel = new Set(['cpu', 'memory']);

/**
 * What a pod asks for: the larger of its containers (with sidecars) and of each init container
 * (with the sidecars before it), or what it asks for as a whole, plus overhead. `fallback` supplies
 * amounts that a container does not name. With `status`, a container that is being resized counts
 * with the most of what it asks for, was given and uses (KEP-1287); what the node can never give is
 * left out.
 */
export function podRequests(
  spec: PodSpec,
  options: {
    part?: Part;
    fallback?: (c: Container) => Amounts;
    overhead?: boolean;
    status?: PodStatus;
  } = {},
): Amounts {
  const part = options.part ?? 'requests';
  const of = (c: Container): Amounts => {
    const asked = partOf(c, part, options.fallback ?? nothing);
    return options.status && part === 'requests' ? held(c.name, asked, options.status) : asked;
  };
  const total: Amounts = new Map();
  for (const container of spec.containers) addAmounts(total, of(container));
  const sidecars: Amounts = new Map();
  const init: Amounts = new Map();
  for (const container of spec.initContainers ?? []) {
    const own = of(container);
    if (container.restartPolicy === 'Always') {
      addAmounts(total, own);
      addAmounts(sidecars, own);
      maxAmounts(init, sidecars);
    } else maxAmounts(init, addAmounts(new Map(sidecars), own));
  }
  maxAmounts(total, init);
  for (const [name, value] of amountsOf(spec.resources?.[part]))
    if (podLevel.has(name) || name.startsWith('hugepages-')) total.set(name, value);
  if (options.overhead !== false && spec.overhead) addAmounts(total, amountsOf(spec.overhead));
  return total;
}

function held(name: string, asked: Amounts, status: PodStatus): Amounts {
  const found = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find(
    (c) => c.name === name,
  );
  if (!found?.allocatedResources && !found?.resources?.requests) return asked;
  const given = maxAmounts(
    amountsOf(found.allocatedResources),
    amountsOf(found.resources?.requests),
  );
  const infeasible = (status.conditions ?? []).some(
    (c) => c.type === 'PodResizePending' && c.reason === 'Infeasible',
  );
  return infeasible ? given : maxAmounts(asked, given);
}

/** Succeeded or Failed: its containers will not run again and hold nothing. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}
