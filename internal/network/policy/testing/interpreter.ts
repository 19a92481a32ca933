import { familyOf, numberOf, parseCidr, parseIp, type Ip } from '../../../base/addresses.ts';
import type { Flow } from './model.ts';

interface Held {
  sets: Map<string, Map<string, string>>;
  chains: Map<string, string[]>;
}

/**
 * Reads what the planner writes, transaction by transaction, and judges flows by it: the part of
 * nftables that it uses.
 */
export class Interpreter {
  #held: Held = { sets: new Map(), chains: new Map() };

  load(text: string): void {
    if (text.startsWith('add table')) this.#held = { sets: new Map(), chains: new Map() };
    let chain: string[] | undefined;
    for (const line of text.split('\n')) {
      const one = (pattern: RegExp): RegExpExecArray | null => pattern.exec(line);
      let m: RegExpExecArray | null;
      if ((m = one(/^(?:set|map) (\S+) \{ type [^;]+;(?: elements = \{ (.*) \};)? \}$/)))
        this.#elements(this.#newSet(m[1]!), m[2] ?? '', true);
      else if ((m = one(/^add (?:set|map) inet \S+ (\S+) \{ type [^;]+; \}$/))) this.#newSet(m[1]!);
      else if ((m = one(/^(add|delete) element inet \S+ (\S+) \{ (.*) \}$/)))
        this.#elements(this.#set(m[2]!), m[3]!, m[1] === 'add');
      else if (
        (m = one(/^chain (\S+) \{(?: type \w+ hook \w+ priority -?\d+;)?( .*)?$/)) &&
        !line.endsWith('}')
      )
        this.#held.chains.set(m[1]!, (chain = []));
      else if ((m = one(/^chain (\S+) \{ type \w+ hook \w+ priority -?\d+; (.*); \}$/)))
        this.#held.chains.set(m[1]!, [m[2]!]);
      else if ((m = one(/^add chain inet \S+ (\S+)$/))) this.#held.chains.set(m[1]!, []);
      else if ((m = one(/^add rule inet \S+ (\S+) (.*)$/))) this.#chain(m[1]!).push(m[2]!);
      else if ((m = one(/^flush chain inet \S+ (\S+)$/))) this.#held.chains.set(m[1]!, []);
      else if ((m = one(/^delete chain inet \S+ (\S+)$/))) this.#deleteChain(m[1]!);
      else if ((m = one(/^delete set inet \S+ (\S+)$/))) this.#deleteSet(m[1]!);
      else if (line === '}') chain = undefined;
      else if (chain) chain.push(line);
      else if (line && !/^(add|delete) table|^table/.test(line))
        throw new Error(`cannot read: ${line}`);
    }
  }

  /** The whole content, in an order of its own. */
  content(): string[] {
    const sets = [...this.#held.sets].map(
      ([name, elements]) =>
        `${name}: ${[...elements]
          .map((e) => e.join(' '))
          .sort()
          .join(', ')}`,
    );
    return [
      ...sets,
      ...[...this.#held.chains].map(([name, lines]) => `${name}: ${lines.join('; ')}`),
    ].sort();
  }

  /** Whether a flow's first packet would be forwarded. */
  passes(flow: Flow): boolean {
    return (['leaving', 'arriving'] as const).every((hook) => this.#run(hook, flow) !== 'drop');
  }

  #newSet(name: string): Map<string, string> {
    const set = new Map<string, string>();
    this.#held.sets.set(name, set);
    return set;
  }

  #set(name: string): Map<string, string> {
    const set = this.#held.sets.get(name);
    if (!set) throw new Error(`no set ${name}`);
    return set;
  }

  #chain(name: string): string[] {
    const chain = this.#held.chains.get(name);
    if (!chain) throw new Error(`no chain ${name}`);
    return chain;
  }

  #deleteChain(name: string): void {
    for (const [map, elements] of this.#held.sets)
      if ([...elements.values()].includes(`goto ${name}`))
        throw new Error(`chain ${name} is in use by ${map}`);
    for (const [chain, lines] of this.#held.chains)
      if (lines.some((l) => l.endsWith(`goto ${name}`)))
        throw new Error(`chain ${name} is in use by ${chain}`);
    if (!this.#held.chains.delete(name)) throw new Error(`no chain ${name}`);
  }

  #deleteSet(name: string): void {
    for (const [chain, lines] of this.#held.chains)
      if (lines.some((l) => l.includes(`@${name} `)))
        throw new Error(`set ${name} is in use by ${chain}`);
    if (!this.#held.sets.delete(name)) throw new Error(`no set ${name}`);
  }

  #elements(set: Map<string, string>, text: string, add: boolean): void {
    for (const part of text ? text.split(', ') : []) {
      const [key = '', value = ''] = part.split(' : ');
      if (add === set.has(key)) throw new Error(`${add ? 'there already' : 'not there'}: ${part}`);
      if (add) set.set(key, value);
      else set.delete(key);
    }
  }

  #run(chain: string, flow: Flow): 'accept' | 'drop' | 'return' {
    for (const line of this.#chain(chain)) {
      const verdict = this.#line(line, flow);
      const [what = '', to = ''] = verdict?.split(' ') ?? [];
      if (what === 'accept' || what === 'drop') return what;
      if (what === 'goto') return this.#run(to, flow);
      if (what === 'jump') {
        const inner = this.#run(to, flow);
        if (inner !== 'return') return inner;
      }
    }
    return 'return';
  }

  /** The verdict of a rule, if all of it matches. */
  #line(line: string, flow: Flow): string | undefined {
    let rest = line.trim();
    const [from, to] = [parseIp(flow.from)!, parseIp(flow.to)!];
    const take = (pattern: RegExp): RegExpExecArray | null => {
      const m = pattern.exec(rest);
      if (m) rest = rest.slice(m[0].length).trim();
      return m;
    };
    while (rest) {
      let m: RegExpExecArray | null;
      if (/^(accept|drop|jump \S+|goto \S+)$/.test(rest)) return rest;
      // A new flow is neither lost nor an error about another.
      if (take(/^ct state (related|invalid,untracked)/)) return undefined;
      if (take(/^icmpv6 type \{.*?\}/)) return undefined;
      if ((m = take(/^meta nfproto ipv([46])/))) {
        if (familyOf(from) !== Number(m[1])) return undefined;
      } else if ((m = take(/^meta l4proto (?:\{ (.*?) \}|(\w+))/))) {
        if (!(m[1] ?? m[2])!.split(', ').includes(flow.protocol)) return undefined;
      } else if ((m = take(/^ct reply proto-src (?:\{ (.*?) \}|(\S+))/))) {
        const spans = (m[1] ?? m[2])!.split(', ').map((s) => s.split('-').map(Number));
        if (!spans.some(([a = 0, b = a]) => flow.port >= a && flow.port <= b)) return undefined;
      } else if (
        (m = take(
          /^(ct (?:original|reply) ip6? saddr(?: \. (?:ct (?:original|reply) ip6? saddr|ct reply proto-src))*) (vmap )?@(\S+)/,
        ))
      ) {
        const key = keyOf(m[1]!, flow, from, to);
        const value = key === undefined ? undefined : this.#set(m[3]!).get(key);
        if (value === undefined) return undefined;
        if (m[2]) return value;
      } else if ((m = take(/^ct (original|reply) (ip6?) saddr (?:\{ (.*?) \}|(\S+))/))) {
        const address = m[1] === 'original' ? from : to;
        if (familyOf(address) !== (m[2] === 'ip' ? 4 : 6)) return undefined;
        if (!(m[3] ?? m[4])!.split(', ').some((span) => holds(span, address))) return undefined;
      } else if ((m = take(/^ip6? [sd]addr \S+/))) return undefined;
      else throw new Error(`cannot read: ${rest}`);
    }
    return undefined;
  }
}

function keyOf(fields: string, flow: Flow, from: Ip, to: Ip): string | undefined {
  const parts = fields.split(' . ').map((field) => {
    if (field === 'ct reply proto-src') return String(flow.port);
    const [, which, ip] = field.split(' ');
    const address = which === 'original' ? from : to;
    return familyOf(address) === (ip === 'ip' ? 4 : 6) ? address : undefined;
  });
  return parts.includes(undefined) ? undefined : parts.join(' . ');
}

function holds(span: string, address: Ip): boolean {
  const [first = '', last = first] = span.split('-');
  const [a, b] = [parseIp(first)!, parseIp(last)!];
  const value = numberOf(address);
  return (
    value >= numberOf(a) &&
    value <= numberOf(b) &&
    parseCidr(`${first}/${familyOf(address) === 4 ? 32 : 128}`) !== undefined
  );
}
