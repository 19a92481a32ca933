import { messageOf } from '../../base/errors.ts';
import type { ResourceRef } from '../../api/object.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/events.ts';
import { isApiError, isNamespaceTerminating } from '../owners.ts';
import type { NodeCall } from '../context.ts';
import { askNode } from './ask-node.ts';
import type { OwnWrites } from './own-writes.ts';
import type { Batch, NodeRequest, Plan, Say, Step, Write, Written } from './write.ts';

/** What became of a plan. */
export class Outcome {
  /** The first refusal that was not forgiven. */
  failure: unknown;
  /** The write that met it. */
  failedWrite: Write | undefined;
  /** The namespace is going away: the rest of the plan was left out, and that is no failure. */
  stopped = false;
  /** Every refusal that was not forgiven: a batch may meet several. */
  readonly failures: { write: Write; error: unknown }[] = [];
  readonly #answersOfNodes = new Map<NodeRequest, Buffer>();
  readonly #results = new Map<Write, Written>();

  /** What the server answered; undefined when the write was not done. */
  of(write: Write): Written | undefined {
    return this.#results.get(write);
  }

  /** Whether the write was done, or was refused in a forgiven way. */
  done(write: Write): boolean {
    return this.#results.has(write);
  }

  /** Whether the first failure was a write of this resource. */
  failedAt(ref: ResourceRef): boolean {
    return this.failedWrite?.ref.resource === ref.resource;
  }

  /** What was made, as the server answered, in the order of the plan. */
  created(): Written[] {
    return this.#answers('create');
  }

  updated(): Written[] {
    return this.#answers('update');
  }

  /** The deleted objects, as they are in the plan. */
  removed(): Written[] {
    return [...this.#results.keys()].flatMap((w) => (w.verb === 'delete' ? [w.object] : []));
  }

  #answers(verb: Write['verb']): Written[] {
    // A refusal that was forgiven has no answer: what stands there is what was asked for.
    return [...this.#results].flatMap(([write, result]) =>
      write.verb === verb && result !== write.object ? [result] : [],
    );
  }

  add(write: Write, result: Written): void {
    this.#results.set(write, result);
  }

  fail(write: Write, error: unknown): void {
    this.failedWrite ??= write;
    this.failure ??= error;
    this.failures.push({ write, error });
  }

  /** What the node answered; undefined when it was not asked, or refused. */
  answerTo(request: NodeRequest): Buffer | undefined {
    return this.#answersOfNodes.get(request);
  }

  answered(request: NodeRequest, answer: Buffer): void {
    this.#answersOfNodes.set(request, answer);
  }
}

export interface Hands {
  client: Client;
  events: EventRecorder;
  guard: OwnWrites;
  /** Asks nodes; only a controller whose plans have requests needs it. */
  nodes?: NodeCall;
}

/** Takes the steps of a plan in their order. Never throws for a refusal: the outcome tells. */
export async function carryOut(hands: Hands, key: string, plan: Plan): Promise<Outcome> {
  const outcome = new Outcome();
  let mayGoOn = true;
  for (const step of plan.steps) {
    if (outcome.stopped || !mayGoOn) break;
    const before = outcome.failure;
    await take(hands, key, step, outcome);
    mayGoOn = outcome.failure === before || ('pace' in step && step.goOn === true);
  }
  return outcome;
}

async function take(hands: Hands, key: string, step: Step, outcome: Outcome): Promise<void> {
  if ('pace' in step) return takeBatch(hands, key, step, outcome);
  if (step.verb === 'event') return tell(hands.events, step);
  if (step.verb === 'ask node') return ask(hands.nodes!, step, outcome);
  await attempt(hands, key, step, outcome).catch(() => undefined);
}

async function ask(nodes: NodeCall, request: NodeRequest, outcome: Outcome): Promise<void> {
  try {
    outcome.answered(request, await askNode(nodes, request));
  } catch (error) {
    outcome.failure ??= error;
  }
}

async function takeBatch(hands: Hands, key: string, batch: Batch, outcome: Outcome): Promise<void> {
  const one = (i: number): Promise<void> => attempt(hands, key, batch.writes[i]!, outcome);
  if (batch.pace === 'slow-start') await slowStart(batch.writes.length, one);
  else await Promise.allSettled(batch.writes.map((_, i) => one(i)));
}

/** How many calls a controller starts with before it knows that they succeed. */
const slowStartInitialBatch = 1;

/**
 * Calls `fn` `count` times in batches that double while all succeed, so that a quota is not run
 * into a thousand times.
 */
async function slowStart(count: number, fn: (index: number) => Promise<unknown>): Promise<void> {
  let done = 0;
  for (
    let batch = Math.min(count, slowStartInitialBatch);
    batch > 0;
    batch = Math.min(2 * batch, count - done)
  ) {
    const from = done;
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => fn(from + i)));
    done += batch;
    if (results.some((r) => r.status === 'rejected')) return;
  }
}

/** Throws what it noted, so that a slow start knows. */
async function attempt(hands: Hands, key: string, write: Write, outcome: Outcome): Promise<void> {
  if (outcome.stopped) return;
  try {
    const result = await perform(hands.client, write);
    if (write.verb === 'delete') hands.guard.deleted(key, write.ref, write.object);
    else if (write.verb !== 'deleteCollection') hands.guard.wrote(key, write.ref, result);
    outcome.add(write, result);
    if (write.done) tell(hands.events, write.done(result));
  } catch (error) {
    if (isNamespaceTerminating(error)) {
      outcome.stopped = true;
      return;
    }
    const gone = write.verb !== 'create' && isApiError(error, 'NotFound');
    if (gone || (write.forgives && isApiError(error, ...write.forgives))) {
      outcome.add(write, write.object as Written);
      return;
    }
    outcome.fail(write, error);
    const quiet = write.quiet !== undefined && isApiError(error, ...write.quiet);
    if (write.failed && !quiet) tell(hands.events, write.failed(messageOf(error)));
    throw error;
  }
}

async function perform(client: Client, write: Write): Promise<Written> {
  if (write.verb === 'create') return client.create<Written>(write.ref, write.object);
  const { namespace, name = '' } = write.object.metadata;
  switch (write.verb) {
    case 'update': {
      const { subresource } = write;
      return client.update<Written>(write.ref, write.object, subresource ? { subresource } : {});
    }
    case 'patch': {
      const target = { namespace, name, subresource: write.subresource };
      return client.patch<Written>(write.ref, target, write.patch, write.options);
    }
    case 'delete':
      return client.delete(write.ref, { namespace, name }, write.options);
    case 'deleteCollection':
      await client.deleteCollection(write.ref, { namespace, ...write.options });
      return write.object;
  }
}

function tell(events: EventRecorder, { about, type, reason, message }: Say): void {
  if (type === 'Normal') events.normal(about, reason, message);
  else events.warning(about, reason, message);
}
