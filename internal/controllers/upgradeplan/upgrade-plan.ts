import type { Deployment } from '../../api/generated/types/apps-v1.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { keyOf, splitKey } from '../../api/object.ts';
import { semanticEqual } from '../../api/loose.ts';
import { messageOf } from '../../base/errors.ts';
import { eventRecorder } from '../../client/events.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { earliest } from '../kit/write.ts';
import { isApiError } from '../owners.ts';
import { startLoop } from '../run.ts';
import { advance } from './advance.ts';
import type { Hands, PlanDoors } from './hands.ts';
import { planNamespace, plansRef, type UpgradePlan } from './plan-types.ts';
import { hostOf, select } from './select.ts';
import { resolve } from './resolve.ts';
import { hashOf, munged } from './spec.ts';
import { conditionOf, withCondition, type Said } from './status.ts';
import { isInWindow } from './window.ts';

export const name = 'upgrade-plan-controller';
/** How often a window is looked at; as upstream. */
const windowMs = 60_000;
/** After an error, such as a conflict. */
const retryMs = 5000;
const foreign = { namespace: planNamespace, name: 'system-upgrade-controller' };

/** Plans of system-upgrade-controller, carried out by the nodes' own `skiff upgrade`. */
export function startUpgradePlans(ctx: ControllerContext, doors: PlanDoors): Controller {
  const client = ctx.clientFor(name);
  const events = eventRecorder({ client, clock: ctx.clock, log: ctx.log, component: name });
  const log = ctx.log.named('upgrade-plans');
  const plans = ctx.mirrors.of<UpgradePlan>(plansRef);
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const reconcile = async (queue: WorkQueue, key: string): Promise<void> => {
    // Read afresh: what the last pass wrote counts, and there are few.
    const { namespace, name: named } = splitKey(key);
    const plan = await client
      .get<UpgradePlan>(plansRef, { namespace, name: named })
      .catch((error: unknown) => {
        if (isApiError(error, 'NotFound')) return undefined;
        throw error;
      });
    if (!plan || plan.metadata.deletionTimestamp || (await another(client))) return;
    const hands = { ...doors, client, events, log, nowMs: ctx.clock.now() };
    const againInMs = await pass(hands, plan);
    if (againInMs !== undefined) queue.addAfter(key, againInMs);
  };
  let queue: WorkQueue;
  return startLoop(
    ctx,
    { name, mirrors: [plans, nodes], reconcile: (key) => reconcile(queue, key) },
    (made) => {
      queue = made;
      plans.onChange(({ type, key }) => type !== 'DELETED' && queue.add(key));
      nodes.onChange(({ object, old }) => {
        if (old && semanticEqual(seenOf(object), seenOf(old))) return;
        for (const plan of plans.list()) queue.add(keyOf(plan));
      });
    },
  );
}

/** What of a node may change what a plan does. */
const seenOf = ({ metadata, spec, status }: Node): unknown => [
  metadata.labels,
  metadata.annotations,
  spec.unschedulable,
  status?.conditions?.find(({ type }) => type === 'Ready')?.status,
];

/** Whether upstream's own controller runs here: two would upgrade each node twice. */
async function another(client: Client): Promise<boolean> {
  try {
    await client.get<Deployment>(refs.deployments, foreign);
    return true;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  }
}

/** One look at a plan; resolves to when it wants another though nothing changes by then. */
async function pass(hands: Hands, plan: UpgradePlan): Promise<number | undefined> {
  const { client, events, nowMs } = hands;
  const resolved = await resolve(hands, plan);
  let { status } = resolved;
  const say = (said: Said): void => {
    status = withCondition(status, 'Complete', said, nowMs);
  };
  const write = async (): Promise<UpgradePlan> => {
    if (semanticEqual(status, plan.status ?? {})) return plan;
    return await client.update<UpgradePlan>(
      plansRef,
      { ...plan, status },
      { subresource: 'status' },
    );
  };
  const { version } = resolved;
  if (version === undefined) {
    say({ status: 'False', reason: 'NotReady', message: 'plan is not valid and resolved' });
    await write();
    return resolved.againInMs;
  }
  const hash = hashOf(plan, munged(version));
  status = { ...status, latestHash: hash };
  const all = (await client.list<Node>(refs.nodes)).items;
  const selected = select(plan, hash, all);
  const { window } = plan.spec ?? {};
  const about = `version ${munged(version)}. Hash: ${hash}`;
  if (selected.length === 0) {
    if (conditionOf(status, 'Complete')?.status !== 'True')
      events.normal(plan, 'Complete', `Jobs complete for ${about}`);
    const { applying: _none, ...rest } = status;
    status = rest;
    say({ status: 'True', reason: 'Complete' });
    await write();
    return resolved.againInMs;
  }
  if (window && !plan.status?.applying?.length && !isInWindow(window, nowMs)) {
    if (conditionOf(status, 'Complete')?.reason !== 'Waiting')
      events.normal(plan, 'Waiting', `Waiting for start of Spec.Window to sync Jobs for ${about}`);
    say({ status: 'False', reason: 'Waiting', message: 'the time is outside spec.window' });
    await write();
    return earliest(windowMs, resolved.againInMs);
  }
  const hosts = selected.map(hostOf);
  if (!semanticEqual(hosts, plan.status?.applying ?? [])) {
    events.normal(plan, 'SyncJob', `Jobs synced on Nodes ${hosts.join(',')} for ${about}`);
    status = { ...status, applying: hosts };
    say({ status: 'False', reason: 'SyncJob' });
  }
  // Before anything is done: who reads the plan finds the nodes that are under way.
  const now = await write();
  const results = await Promise.all(
    selected.map((node) =>
      advance(hands, { plan: now, hash, version }, node).catch((error: unknown) => {
        hands.log.warn('a step was not done', {
          plan: plan.metadata.name,
          node: node.metadata.name,
          error: messageOf(error),
        });
        return { failed: undefined, againInMs: retryMs };
      }),
    ),
  );
  const failed = results.find((one) => one.failed !== undefined)?.failed;
  if (failed !== undefined) {
    const next = withCondition(
      now.status ?? {},
      'Complete',
      { status: 'False', reason: 'JobFailed', message: failed },
      nowMs,
    );
    if (next !== now.status) {
      events.warning(plan, 'JobFailed', failed);
      await client.update(plansRef, { ...now, status: next }, { subresource: 'status' });
    }
  }
  return earliest(resolved.againInMs, ...results.map((one) => one.againInMs));
}
