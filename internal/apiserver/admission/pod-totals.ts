import type { Container, PodSpec } from '../../api/generated/types/core-v1.ts';
import { quantityOf, type Quantity } from '../../api/quantity.ts';

export type Totals = Map<string, Quantity>;

const add = (into: Totals, more: Totals): Totals => {
  for (const [name, quantity] of more) into.set(name, into.get(name)?.add(quantity) ?? quantity);
  return into;
};

const max = (into: Totals, other: Totals): Totals => {
  for (const [name, quantity] of other) {
    const have = into.get(name);
    if (!have || have.cmp(quantity) < 0) into.set(name, quantity);
  }
  return into;
};

const of = (container: Container, part: 'requests' | 'limits'): Totals =>
  new Map(
    Object.entries(container.resources?.[part] ?? {}).map(([name, text]) => [
      name,
      quantityOf(text),
    ]),
  );

/**
 * What a pod asks for in exact quantities: containers and sidecars together, or its largest init
 * step; plus overhead.
 */
export function podTotals(spec: PodSpec, part: 'requests' | 'limits', overhead = true): Totals {
  const total: Totals = new Map();
  for (const container of spec.containers) add(total, of(container, part));
  const sidecars: Totals = new Map();
  const init: Totals = new Map();
  for (const container of spec.initContainers ?? []) {
    const own = of(container, part);
    if (container.restartPolicy === 'Always') {
      add(total, own);
      add(sidecars, own);
      max(init, new Map(sidecars));
    } else max(init, add(new Map(sidecars), own));
  }
  max(total, init);
  for (const [name, text] of Object.entries(spec.resources?.[part] ?? {}))
    total.set(name, quantityOf(text));
  if (overhead)
    for (const [name, text] of Object.entries(spec.overhead ?? {}))
      if (part === 'requests' || total.has(name)) add(total, new Map([[name, quantityOf(text)]]));
  return total;
}
