import type { AccessRequest, Authorize, Decision } from '../authz/authorizer.ts';
import type { Attributes } from '../admission/chain.ts';

/**
 * A decision that an expression asks for is still on its way. It is no error of the expression, so
 * that neither `||` nor `all` absorbs it: the evaluation ends, and is begun again once the decision
 * is there.
 */
export class Undecided extends Error {
  readonly decided: Promise<void>;

  constructor(decided: Promise<void>) {
    super('a decision is still to come');
    this.decided = decided;
  }
}

/**
 * What authorizers said about one request's expressions: each question is asked once, whatever asks
 * it.
 */
export class Decisions {
  readonly #authorize: Authorize;
  readonly #known = new Map<string, Decision>();

  constructor(authorize: Authorize) {
    this.#authorize = authorize;
  }

  /** Throws Undecided while that is not known. */
  of(request: AccessRequest): Decision {
    const key = JSON.stringify(request);
    const known = this.#known.get(key);
    if (known) return known;
    const decision = this.#authorize(request);
    if (decision instanceof Promise)
      throw new Undecided(decision.then((later) => void this.#known.set(key, later)));
    this.#known.set(key, decision);
    return decision;
  }
}

const ofRequests = new WeakMap<Attributes, Decisions>();

/**
 * Policies and webhooks that judge the same request share what they heard (admission/plugin/policy
 * caching_authorizer.go).
 */
export function decisionsFor(attributes: Attributes, authorize: Authorize): Decisions {
  let decisions = ofRequests.get(attributes);
  if (!decisions) ofRequests.set(attributes, (decisions = new Decisions(authorize)));
  return decisions;
}
