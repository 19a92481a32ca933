import { aggregate } from '../../api/selector-requirement.ts';
import type { UserInfo } from '../authn/user.ts';
import type { AccessRequest, Decision, PolicyRule } from './authorizer.ts';

/** What somebody may do in a namespace, as far as an authorizer can list it. */
export interface Rules {
  rules: readonly PolicyRule[];
  incomplete: boolean;
  /** Why it is incomplete. */
  error?: string;
}

/** One of the authorizers that are asked in order. */
export interface Authorizer {
  readonly type: string;
  readonly name: string;
  authorize(request: AccessRequest): Decision | Promise<Decision>;
  rulesFor(user: UserInfo, namespace: string): Rules;
  /** It is no longer asked: what it holds may be released. */
  close?(): void;
}

/** Final decisions of authorizers; one without an opinion is not counted. They outlive a chain. */
export class DecisionCounts {
  readonly #counts = new Map<string, Count>();

  of({ type, name }: Authorizer): Count {
    const key = `type="${type}",name="${name}"`;
    const known = this.#counts.get(key) ?? { allowed: 0, denied: 0 };
    this.#counts.set(key, known);
    return known;
  }

  metrics(): string[] {
    const rows = [...this.#counts].flatMap(([labels, { allowed, denied }]) => [
      [labels, 'allowed', allowed] as const,
      [labels, 'denied', denied] as const,
    ]);
    const name = 'apiserver_authorization_decisions_total';
    return [
      `# TYPE ${name} counter`,
      ...rows
        .filter(([, , count]) => count > 0)
        .map(([labels, decision, count]) => `${name}{${labels},decision="${decision}"} ${count}`),
    ];
  }
}

interface Count {
  allowed: number;
  denied: number;
}

interface Link {
  readonly authorizer: Authorizer;
  readonly count: Count;
}

const masters: Decision = { allowed: true, reason: '' };
const noOpinion: Decision = { allowed: false, reason: '' };

/**
 * Asks authorizers in order until one allows or denies (apiserver authorization/union). Before all
 * of them, whatever is configured, stands the group system:masters.
 */
export class Chain {
  readonly #links: readonly Link[];

  constructor(authorizers: readonly Authorizer[], counts: DecisionCounts) {
    this.#links = authorizers.map((authorizer) => ({ authorizer, count: counts.of(authorizer) }));
  }

  authorize(request: AccessRequest): Decision | Promise<Decision> {
    return request.user.groups.includes('system:masters')
      ? masters
      : this.#ask(request, 0, undefined);
  }

  /** What all authorizers together can list. */
  rulesFor(user: UserInfo, namespace: string): Rules {
    const found = this.#links.map(({ authorizer }) => authorizer.rulesFor(user, namespace));
    const errors = found.flatMap(({ error }) => (error ? [error] : []));
    return {
      rules: found.flatMap(({ rules }) => rules),
      incomplete: found.some(({ incomplete }) => incomplete),
      ...(errors.length > 0 && { error: aggregate(errors) }),
    };
  }

  /**
   * `said` are the words of those before number `at`, who had no opinion; most say nothing at all.
   */
  #ask(
    request: AccessRequest,
    at: number,
    said: readonly Decision[] | undefined,
  ): Decision | Promise<Decision> {
    for (let i = at; i < this.#links.length; i++) {
      const { authorizer, count } = this.#links[i] as Link;
      const answer = authorizer.authorize(request);
      if (answer instanceof Promise) {
        const earlier = said;
        return answer.then((decision) =>
          ends(decision, count) ? decision : this.#ask(request, i + 1, more(earlier, decision)),
        );
      }
      if (ends(answer, count)) return answer;
      said = more(said, answer);
    }
    return said ? together(said) : noOpinion;
  }
}

function ends({ allowed, denied }: Decision, count: Count): boolean {
  if (allowed) count.allowed++;
  else if (denied) count.denied++;
  else return false;
  return true;
}

function more(
  said: readonly Decision[] | undefined,
  one: Decision,
): readonly Decision[] | undefined {
  return one.reason || one.error ? [...(said ?? []), one] : said;
}

function together(said: readonly Decision[]): Decision {
  if (said.length === 1) return said[0] as Decision;
  const errors = said.flatMap(({ error }) => (error ? [error] : []));
  return {
    allowed: false,
    reason: said
      .map(({ reason }) => reason)
      .filter(Boolean)
      .join('\n'),
    ...(errors.length > 0 && { error: aggregate(errors) }),
  };
}
