import type { ObjectMeta } from '../../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import type { ApiError } from '../../api/status.ts';
import type { DeleteOptions, Patch, WriteOptions } from '../../client/client.ts';
import type { About } from '../../client/events.ts';

/**
 * What a controller wants written, as data. A plan is a list of these: it can be compared, printed
 * and carried out by a test without a server.
 */
export type Write = { ref: ResourceRef } & Manner &
  (
    | { verb: 'create'; object: object }
    | { verb: 'update'; object: Written; subresource?: string }
    | { verb: 'patch'; object: Written; patch: Patch; subresource?: string; options?: WriteOptions }
    | { verb: 'delete'; object: Written; options?: DeleteOptions }
    /** All of the kind in one namespace: that of `object`, which says nothing else. */
    | { verb: 'deleteCollection'; object: Written; options?: DeleteOptions }
  );

export type Written = { metadata: ObjectMeta };

interface Manner {
  /** Refusals that are as good as success. NotFound always is, except for `create`. */
  forgives?: ApiError['reason'][];
  /** Told when the write was done; the object is what the server answered. */
  done?: (written: Written) => Say;
  /** Refusals that are tried again without a word: somebody else was quicker. */
  quiet?: ApiError['reason'][];
  /** Told when it was refused for good; not when the namespace or the object is gone. */
  failed?: (error: string) => Say;
}

/** An event to record. */
export interface Say {
  verb: 'event';
  about: About;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/**
 * Writes without an order between them. `slow-start`: one first, then twice as many each time while
 * all succeed, so that a quota is not run into a thousand times. `together`: all at once; one that
 * fails does not keep the others.
 */
export interface Batch {
  pace: 'slow-start' | 'together';
  writes: Write[];
  /** A failure in here does not end the pass; what follows does not depend on it. */
  goOn?: boolean;
}

/** A request to a node's own port. What it answered is in the outcome. */
export interface NodeRequest {
  verb: 'ask node';
  node: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
}

/** Steps are taken in their order; the first that fails ends the pass. */
export type Step = Write | Say | Batch | NodeRequest;

export interface Plan {
  steps: Step[];
  /** Look again after so long, though nothing has changed by then. */
  againInMs?: number;
  /** Why the key has to be tried again after a back-off, though all writes may be done. */
  failure?: string;
}

export const nothing: Plan = { steps: [] };

export function say(about: About, type: Say['type'], reason: string, message: string): Say {
  return { verb: 'event', about, type, reason, message };
}

/** All writes of a plan, in order, without its events and requests. */
export function writesOf(plan: Plan): Write[] {
  return plan.steps.flatMap((step) =>
    'pace' in step ? step.writes : step.verb === 'event' || step.verb === 'ask node' ? [] : [step],
  );
}

/** The earliest of several times to look again; undefined when there is none. */
export function earliest(...waits: (number | undefined)[]): number | undefined {
  const set = waits.filter((ms) => ms !== undefined);
  return set.length > 0 ? Math.min(...set) : undefined;
}
