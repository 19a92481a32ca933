import { InvariantError } from '../../base/errors.ts';
import type { UserInfo } from '../authn/user.ts';
import type { AccessRequest, Decision } from './authorizer.ts';
import { Chain, DecisionCounts, type Authorizer, type Rules } from './chain.ts';

/**
 * Who decides. Requests from outside go through the chain that is configured, Node and RBAC unless
 * it says otherwise; parts of this process (controllers, scheduler, the server's own node) through
 * Node and RBAC always: a webhook may be a pod that these have to start.
 */
export class Authorization {
  readonly counts = new DecisionCounts();
  readonly #inside: Chain;
  #current: Chain;
  #used: readonly Authorizer[] = [];
  #more: () => string[] = () => [];

  constructor(builtIn: readonly Authorizer[]) {
    this.#inside = this.#current = new Chain(builtIn, this.counts);
  }

  /** Bound: handed around as a function. */
  readonly authorize = (request: AccessRequest): Decision | Promise<Decision> =>
    (request.user.inside ? this.#inside : this.#current).authorize(request);

  /** For parts of this process, at once. */
  authorizeInside(request: AccessRequest): Decision {
    const decision = this.#inside.authorize(request);
    if (decision instanceof Promise)
      throw new InvariantError('a built-in authorizer answered later', 'authorize');
    return decision;
  }

  rulesFor(user: UserInfo, namespace: string): Rules {
    return (user.inside ? this.#inside : this.#current).rulesFor(user, namespace);
  }

  /** From now on others are asked; those that were used before are closed. */
  use(authorizers: readonly Authorizer[]): void {
    const before = this.#used;
    this.#current = new Chain(authorizers, this.counts);
    this.#used = authorizers;
    for (const one of before) one.close?.();
  }

  stop(): void {
    for (const one of this.#used) one.close?.();
  }

  /** What whoever configures this has to tell /metrics. */
  alsoTell(metrics: () => string[]): void {
    this.#more = metrics;
  }

  metrics(): string[] {
    return [...this.counts.metrics(), ...this.#more()];
  }
}
