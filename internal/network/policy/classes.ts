import { type Family, familyOf } from '../../base/addresses.ts';
import { firstOf, lastOf, type Range } from '../../base/address-ranges.ts';
import {
  podsGroup,
  portsGroup,
  type Group,
  type Groups,
  type GroupSpec,
  type PodFacts,
} from './groups.ts';
import type { AdminRule } from './admin-rules.ts';
import { mergedPorts, type Direction, type PortRange, type Ports, type Rule } from './rules.ts';
import type { Table } from './table.ts';
import {
  accept,
  anything,
  drop,
  gotoChain,
  inGroup,
  inRanges,
  isEndpointOf,
  names,
  onMovedDns,
  onPorts,
  selfLine,
  verdictLines,
  type MovedDns,
  type Text,
} from './text.ts';

/** One way into (or out of) a pod, with names of ports resolved as far as they can be. */
interface Clause {
  /** Undefined = everybody. */
  group: GroupSpec | undefined;
  ranges: readonly Range[];
  everybody: boolean;
  /** Undefined = any. With a group of endpoints the ports are in the group. */
  ports: readonly PortRange[] | undefined;
}

/** What a pod may: no policy, so everything; or what the clauses allow. */
export interface Class {
  readonly key: string;
  readonly verdict: Text;
  users: number;
  readonly chain: Text | undefined;
  readonly groups: readonly Group[];
  /** Who judges what none of the ordered rules matched. */
  readonly next?: Class;
}

/** Pods with equal rules share one chain. */
export class Classes {
  readonly #table: Table;
  readonly #groups: Groups;
  readonly #families: readonly Family[];
  readonly #movedDns: MovedDns | undefined;
  readonly #classes = new Map<string, Class>();
  #nextId = 1;

  constructor(table: Table, groups: Groups, families: readonly Family[], movedDns?: MovedDns) {
    this.#table = table;
    this.#groups = groups;
    this.#families = families;
    this.#movedDns = movedDns;
  }

  /** For a pod that these rules count for; undefined = no policy isolates it. */
  acquire(direction: Direction, pod: PodFacts, rules: readonly Rule[] | undefined): Class {
    const clauses = rules && distinct(rules.flatMap((rule) => clausesOf(direction, rule, pod)));
    const key = clauses ? JSON.stringify([direction, [...clauses.keys()].sort()]) : 'free';
    const known = this.#classes.get(key);
    if (known) {
      known.users += 1;
      return known;
    }
    const made =
      clauses && !clauses.has(anythingKey)
        ? this.#make(key, direction, [...clauses.values()])
        : { key, verdict: accept, users: 1, chain: undefined, groups: [] };
    this.#classes.set(key, made);
    return made;
  }

  /**
   * Rules of which the first that matches decides, before a class that was acquired for the same
   * pod: that one judges what none matches, and what is passed on. It is released with this one.
   */
  before(direction: Direction, pod: PodFacts, rules: readonly AdminRule[], next: Class): Class {
    const steps = rules.flatMap(({ action, rule }) =>
      clausesOf(direction, rule, pod).map((clause) => ({ action, clause })),
    );
    if (steps.length === 0) return next;
    const key = JSON.stringify([
      'ordered',
      direction,
      steps.map(({ action, clause }) => [action, keyOf(clause)]),
      next.key,
    ]);
    const known = this.#classes.get(key);
    if (known) {
      known.users += 1;
      // The one that is known holds it.
      this.release(next);
      return known;
    }
    const verdicts = { allow: accept, deny: drop, pass: next.verdict };
    const made = this.#chainOf(
      direction,
      steps.map(({ action, clause }) => ({ clause, verdict: verdicts[action] })),
      next.verdict,
    );
    const ordered = { key, users: 1, next, ...made };
    this.#classes.set(key, ordered);
    return ordered;
  }

  release(old: Class): void {
    old.users -= 1;
    if (old.users > 0) return;
    this.#classes.delete(old.key);
    if (old.chain) this.#table.dropChain(old.chain);
    for (const group of old.groups) this.#groups.release(group);
    if (old.next) this.release(old.next);
  }

  #make(key: string, direction: Direction, clauses: readonly Clause[]): Class {
    const steps = clauses.map((clause) => ({ clause, verdict: accept }));
    return { key, users: 1, ...this.#chainOf(direction, steps, drop) };
  }

  /** A chain of rules in this order, and what happens to the rest. */
  #chainOf(
    direction: Direction,
    steps: readonly { clause: Clause; verdict: Text }[],
    rest: Text,
  ): Pick<Class, 'verdict' | 'groups'> & { chain: Text } {
    const chain = names.chain(this.#nextId++);
    const groups: Group[] = [];
    const lines = steps.flatMap(({ clause, verdict }) => {
      const group = clause.group && this.#groups.acquire(clause.group);
      if (group) groups.push(group);
      return this.#families.flatMap((f, i) =>
        clause.everybody && i > 0
          ? []
          : linesOf(direction, clause, {
              group,
              family: f,
              movedDns: direction === 'egress' ? this.#movedDns : undefined,
              verdict,
            }),
      );
    });
    this.#table.addChain(chain, [...this.#families.map(selfLine), ...lines, rest]);
    return { verdict: gotoChain(chain), chain, groups };
  }
}

interface Line {
  group: Group | undefined;
  family: Family;
  movedDns: MovedDns | undefined;
  verdict: Text;
}

function linesOf(
  direction: Direction,
  clause: Clause,
  { group, family, movedDns, verdict }: Line,
): Text[] {
  const end = direction === 'ingress' ? 'source' : 'destination';
  const set = group && names.group(group.id, family);
  const protocol = group?.spec.named[0]?.protocol;
  if (set && protocol)
    return verdictLines([isEndpointOf(set, protocol, family)], anything, verdict);
  const ports = clause.ports
    ? [
        ...onPorts(clause.ports),
        ...(movedDns && familyOf(movedDns.address) === family
          ? onMovedDns(movedDns, clause.ports)
          : []),
      ]
    : anything;
  if (clause.everybody) return verdictLines(anything, ports, verdict);
  return verdictLines(
    [...(set ? [inGroup(end, set, family)] : []), ...inRanges(end, clause.ranges, family)],
    ports,
    verdict,
  );
}

function clausesOf(direction: Direction, rule: Rule, pod: PodFacts): Clause[] {
  const clauses: Clause[] = [];
  const ports =
    rule.ports && (direction === 'ingress' ? resolved(rule.ports, pod) : rule.ports.ranges);
  if (!ports || ports.length > 0) {
    const group = rule.peers && rule.peers.selectors.length > 0 ? podsGroup(rule.peers) : undefined;
    clauses.push({ group, ranges: rule.peers?.ranges ?? [], everybody: !rule.peers, ports });
  }
  // The name of a port means what its own pod says: towards others, each of them.
  const named = direction === 'egress' ? (rule.ports?.named ?? []) : [];
  for (const protocol of new Set(named.map((n) => n.protocol))) {
    clauses.push({
      group: portsGroup(
        rule.peers,
        named.filter((n) => n.protocol === protocol),
      ),
      ranges: [],
      everybody: false,
      ports: undefined,
    });
  }
  return clauses;
}

function resolved(ports: Ports, pod: PodFacts): PortRange[] {
  const named = ports.named.flatMap((n) =>
    pod.ports
      .filter((p) => p.name === n.name && p.protocol === n.protocol)
      .map((p) => ({ protocol: p.protocol, first: p.port, last: p.port })),
  );
  return mergedPorts([...ports.ranges, ...named]);
}

const keyOf = (c: Clause): string =>
  JSON.stringify([
    c.everybody,
    c.group?.key ?? null,
    c.ranges.map((r) => [r.family, firstOf(r), lastOf(r)]),
    c.ports ?? null,
  ]);
const anythingKey = keyOf({ group: undefined, ranges: [], everybody: true, ports: undefined });

function distinct(clauses: Clause[]): Map<string, Clause> {
  return new Map(clauses.map((clause) => [keyOf(clause), clause]));
}
