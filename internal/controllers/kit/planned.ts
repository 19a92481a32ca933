import type { ResourceRef } from '../../api/object.ts';
import { SkiffError } from '../../base/errors.ts';
import type { Client, Mirror } from '../../client/client.ts';
import { eventRecorder } from '../../client/events.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext, NodeCall } from '../context.ts';
import { orphansIn } from '../owners.ts';
import { makeQueue, run } from '../run.ts';
import { claimedAfter, confirmOwner, planClaim, type ClaimView } from './adoption.ts';
import { carryOut, type Hands, type Outcome } from './carry-out.ts';
import { OwnWrites } from './own-writes.ts';
import { earliest, type Plan, type Written } from './write.ts';

/** What a controller may do while it looks: read the server afresh, and take in orphans. */
export interface Reading {
  client: Client;
  nowMs: number;
  /** The candidates of an index `controller` that are the owner's, adoptions carried out. */
  claim<T extends Written>(
    view: Omit<ClaimView<T>, 'candidates'> & { from: Mirror<T>; only?: (candidate: T) => boolean },
  ): Promise<T[]>;
}

/**
 * A controller in three parts: `wire` (in `start`) says what makes a key worth a look, `view`
 * reads, `plan` decides. Only this file writes.
 */
export interface Planned<V> {
  /** The account it acts as. */
  name: string;
  /** The name of its queue and in the log, where it is not the account's. */
  title?: string;
  /** The component of its events, where it is not the account. */
  component?: string;
  /** A client that is not the account's own. */
  client?: Client;
  /** All are waited for before the first pass, and own writes to them are before the next. */
  mirrors: { ref: ResourceRef; mirror: Mirror<object> }[];
  /** What else the first pass waits for. */
  ready?: Promise<unknown>;
  /** Asks nodes: for plans with requests to them. */
  nodes?: NodeCall;
  concurrency?: number;
  /** All that the decision needs; undefined when there is nothing to decide. */
  view(key: string, read: Reading): V | undefined | Promise<V | undefined>;
  /** Pure. */
  plan(view: V): Plan;
  /** Pure: what is to be written when the plan was carried out, such as the status. */
  conclude?(view: V, outcome: Outcome, plan: Plan): Plan;
  /** The pass is over and is not tried again: what the next has to know that no object says. */
  remember?(key: string, view: V, outcome: Outcome): void;
  /** Whether a failure is worth a back-off; others are left to the next change or wake-up. */
  worthRetry?(failure: unknown): boolean;
  /** The object is gone: what was remembered of the key may go. */
  forget?(key: string): void;
  stop?: () => void;
}

export function startPlanned<V>(
  ctx: ControllerContext,
  planned: Planned<V>,
  wire: (queue: WorkQueue) => void,
): Controller {
  const { name, title = name, component = name } = planned;
  const client = planned.client ?? ctx.clientFor(name);
  const events = eventRecorder({ client, clock: ctx.clock, log: ctx.log, component });
  const guard = new OwnWrites(planned.mirrors);
  const hands: Hands = { client, events, guard, nodes: planned.nodes };
  const reconcile = async (key: string): Promise<void> => {
    // Its watch will bring the key again; the back-off is for a mirror that has to start over.
    if (!guard.seen(key)) return queue.addRateLimited(key);
    queue.unschedule(key);
    const view = await planned.view(key, readingFor(ctx, hands, key));
    if (view === undefined) return planned.forget?.(key);
    await pass(planned, hands, queue, key, view);
  };
  const queue = makeQueue(ctx, { name: title, reconcile, concurrency: planned.concurrency });
  wire(queue);
  const { ready = Promise.resolve() } = planned;
  const others = { synced: ready.then(() => undefined), stop: () => undefined };
  const mirrors = [...planned.mirrors.map(({ mirror }) => mirror), others];
  return run(queue, { name: title, mirrors, stop: planned.stop });
}

async function pass<V>(
  planned: Planned<V>,
  hands: Hands,
  queue: WorkQueue,
  key: string,
  view: V,
): Promise<void> {
  const plan = planned.plan(view);
  const outcome = await carryOut(hands, key, plan);
  const last = planned.conclude?.(view, outcome, plan);
  const after = last && (await carryOut(hands, key, last));
  const againInMs = earliest(plan.againInMs, last?.againInMs);
  if (againInMs !== undefined) queue.addAfter(key, againInMs);
  const failure = outcome.failure ?? after?.failure;
  if (failure !== undefined && planned.worthRetry?.(failure) !== false) throw failure as Error;
  const open = plan.failure ?? last?.failure;
  if (open !== undefined) throw new SkiffError(open, { code: 'NOT_DONE', op: planned.name });
  planned.remember?.(key, view, outcome);
}

function readingFor(ctx: ControllerContext, hands: Hands, key: string): Reading {
  return {
    client: hands.client,
    nowMs: ctx.clock.now(),
    claim: async ({ from, only, ...view }) => {
      const { namespace, uid } = view.owner.metadata;
      const candidates = [
        ...from.byIndex('controller', uid!),
        ...from.byIndex('controller', orphansIn(namespace)),
      ].filter((candidate) => !only || only(candidate));
      const plan = planClaim({ ...view, candidates });
      if (plan.adopt.length > 0) await confirmOwner(hands.client, view.ownerRef, view.owner);
      const writes = [...plan.release, ...plan.adopt.map(({ write }) => write)];
      const outcome = await carryOut(hands, key, { steps: [{ pace: 'together', writes }] });
      if (outcome.failure !== undefined) throw outcome.failure as Error;
      return claimedAfter(plan, outcome);
    },
  };
}
