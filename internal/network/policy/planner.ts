import type { Labels } from '../../api/selectors.ts';
import { type Ip, type Family, familyOf } from '../../base/addresses.ts';
import type { Range } from '../../base/address-ranges.ts';
import type { AdminPolicy, AdminRule } from './admin-rules.ts';
import { Classes, type Class } from './classes.ts';
import { Groups, type PodFacts } from './groups.ts';
import type { Direction, Policy, Rule } from './rules.ts';
import { Table } from './table.ts';
import { element, fixedChains, heads, names, type MovedDns } from './text.ts';

/** A pod and what it says its addresses are. */
export interface PodClaim extends PodFacts {
  /** It runs on this node and has a network of its own: its packets are judged here. */
  local: boolean;
  /**
   * Of two pods with one address the higher rank has it: an address is used again soon after its
   * pod ended.
   */
  rank: number;
}

interface Known {
  claim: PodClaim;
  /** The claim with the addresses that are its own. */
  facts: PodFacts;
}

interface Standing {
  addresses: readonly Ip[];
  classes: Record<Direction, Class>;
}

const directions: Direction[] = ['ingress', 'egress'];

/**
 * Policies, namespaces and pods -> the table that enforces them on one node. Pure: told of what
 * changed, it changes what that touches. `settle` brings the table to what was told.
 */
export class Planner {
  readonly table = new Table();
  readonly #families: readonly Family[];
  readonly #groups: Groups;
  readonly #classes: Classes;
  readonly #pods = new Map<string, Known>();
  readonly #byNamespace = new Map<string, Set<string>>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #policies = new Map<string, Map<string, Policy>>();
  /** In the order in which they count. */
  #adminPolicies: readonly AdminPolicy[] = [];
  readonly #claims = new Map<Ip, Set<string>>();
  /** The rules in force for this node's pods. */
  readonly #standing = new Map<string, Standing>();
  /** Pods whose place in groups may have changed; and those whose rules may have. */
  readonly #moved = new Set<string>();
  readonly #ruled = new Set<string>();

  constructor(families: readonly Family[], movedDns?: MovedDns) {
    this.#families = families;
    const pods = this.#pods;
    const members = this.#byNamespace;
    const namespaces = this.#namespaces;
    const cluster = {
      *pods(): Iterable<PodFacts> {
        for (const { facts } of pods.values()) yield facts;
      },
      *podsIn(namespace: string): Iterable<PodFacts> {
        for (const key of members.get(namespace) ?? []) yield (pods.get(key) as Known).facts;
      },
      namespaceLabels: (name: string) =>
        namespaces.has(name) ? (namespaces.get(name) ?? {}) : undefined,
      namespaces: () => namespaces.keys(),
    };
    this.#groups = new Groups(this.table, cluster, families);
    this.#classes = new Classes(this.table, this.#groups, families, movedDns);
    for (const f of families) {
      this.table.addCollection(names.self(f), 'set', heads.pairs(f));
      for (const d of directions)
        this.table.addCollection(names.verdicts(d, f), 'map', heads.verdicts(f));
    }
  }

  setPod(key: string, claim: PodClaim | undefined): void {
    const before = this.#pods.get(key);
    if (!before && !claim) return;
    for (const a of before?.claim.addresses ?? [])
      if (!claim?.addresses.some((b) => b === a)) this.#unclaim(a, key);
    if (claim) {
      for (const a of claim.addresses) this.#claim(a, key);
      this.#pods.set(key, { claim, facts: claim });
    } else this.#pods.delete(key);
    if (before && before.claim.namespace !== claim?.namespace)
      this.#byNamespace.get(before.claim.namespace)?.delete(key);
    if (claim) {
      const members = this.#byNamespace.get(claim.namespace) ?? new Set();
      this.#byNamespace.set(claim.namespace, members.add(key));
    }
    this.#moved.add(key);
  }

  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, labels);
    for (const key of this.#byNamespace.get(name) ?? []) this.#moved.add(key);
  }

  setPolicy(key: string, policy: Policy | undefined): void {
    const namespace = key.slice(0, key.indexOf('/'));
    const own = this.#policies.get(namespace) ?? new Map<string, Policy>();
    if (policy) this.#policies.set(namespace, own.set(key, policy));
    else if (own.delete(key) && own.size === 0) this.#policies.delete(namespace);
    for (const pod of this.#byNamespace.get(namespace) ?? []) this.#ruled.add(pod);
  }

  /** Every pod of this node may be its subject. */
  setAdminPolicy(key: string, policy: AdminPolicy | undefined): void {
    const others = this.#adminPolicies.filter((p) => p.key !== key);
    this.#adminPolicies = [...others, ...(policy ? [policy] : [])].sort(
      (a, b) => a.priority - b.priority || (a.key < b.key ? -1 : 1),
    );
    for (const pod of this.#standing.keys()) this.#ruled.add(pod);
  }

  /** Applies to the table what changed since. */
  settle(): void {
    for (const key of this.#moved) {
      const known = this.#pods.get(key);
      if (known)
        known.facts = {
          ...known.claim,
          addresses: known.claim.addresses.filter(
            (a) => this.#families.includes(familyOf(a)) && this.#ownerOf(a) === key,
          ),
        };
    }
    if (this.#moved.size > 0)
      this.#groups.renew(new Map([...this.#moved].map((key) => [key, this.#pods.get(key)?.facts])));
    const rules = new Set([...this.#moved, ...this.#ruled]);
    this.#moved.clear();
    this.#ruled.clear();
    this.#judge(rules);
  }

  /** New verdicts for this node's pods among these. */
  #judge(keys: ReadonlySet<string>): void {
    const old: Standing[] = [];
    const now: Standing[] = [];
    for (const key of keys) {
      const known = this.#pods.get(key);
      const before = this.#standing.get(key);
      if (before) old.push(before);
      this.#standing.delete(key);
      if (!known?.claim.local) continue;
      const classes = this.#classesOf(known.facts);
      const standing = { addresses: known.facts.addresses, classes };
      this.#standing.set(key, standing);
      now.push(standing);
    }
    // An address may go from one pod to another: what leaves leaves first.
    for (const { addresses } of old) for (const a of addresses) this.#put(a, undefined);
    for (const { addresses, classes } of now) for (const a of addresses) this.#put(a, classes);
    for (const { classes } of old) for (const d of directions) this.#classes.release(classes[d]);
  }

  #put(a: Ip, classes: Record<Direction, Class> | undefined): void {
    this.table.put(names.self(familyOf(a)), element(a, a), classes && '');
    for (const d of directions)
      this.table.put(names.verdicts(d, familyOf(a)), element(a), classes?.[d].verdict);
  }

  /** Admin policies, then the pod's own policies, or where none isolates it the baseline. */
  #classesOf(pod: PodFacts): Record<Direction, Class> {
    const rules = this.#rulesOf(pod);
    const of = (d: Direction): Class => {
      const own = this.#classes.acquire(d, pod, rules[d]);
      const rest = rules[d]
        ? own
        : this.#classes.before(d, pod, this.#adminRulesOf('baseline', d, pod), own);
      return this.#classes.before(d, pod, this.#adminRulesOf('admin', d, pod), rest);
    };
    return { ingress: of('ingress'), egress: of('egress') };
  }

  /** In a namespace whose labels are not known yet whatever is denied to any is denied. */
  #adminRulesOf(tier: AdminPolicy['tier'], direction: Direction, pod: PodFacts): AdminRule[] {
    if (this.#adminPolicies.length === 0) return [];
    const labels = this.#namespaces.get(pod.namespace);
    return this.#adminPolicies.flatMap((policy) => {
      if (policy.tier !== tier) return [];
      if (labels) return policy.selects(pod.labels, labels) ? policy[direction] : [];
      return policy[direction].filter(({ action }) => action === 'deny');
    });
  }

  #rulesOf(pod: PodFacts): Record<Direction, Rule[] | undefined> {
    const rules: Record<Direction, Rule[] | undefined> = { ingress: undefined, egress: undefined };
    for (const policy of this.#policies.get(pod.namespace)?.values() ?? []) {
      if (!policy.selects(pod.labels)) continue;
      for (const d of directions) if (policy[d]) (rules[d] ??= []).push(...policy[d]);
    }
    return rules;
  }

  #claim(a: Ip, key: string): void {
    const claims = this.#claims.get(a) ?? new Set();
    for (const other of claims) this.#moved.add(other);
    this.#claims.set(a, claims.add(key));
  }

  #unclaim(a: Ip, key: string): void {
    const claims = this.#claims.get(a);
    claims?.delete(key);
    for (const other of claims ?? []) this.#moved.add(other);
    if (claims?.size === 0) this.#claims.delete(a);
  }

  #ownerOf(a: Ip): string | undefined {
    let best: PodClaim | undefined;
    for (const key of this.#claims.get(a) ?? []) {
      const claim = this.#pods.get(key)?.claim;
      if (
        claim &&
        (!best || claim.rank > best.rank || (claim.rank === best.rank && key > best.key))
      )
        best = claim;
    }
    return best?.key;
  }
}

/** The whole ruleset of a node with these pod networks. */
export function fullRuleset(
  planner: Planner,
  podRanges: readonly Range[],
  families: readonly Family[],
): string {
  return planner.table.takeFull(fixedChains(podRanges, families));
}
