import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { isApiError } from '../owners.ts';
import { planDrain } from './drain.ts';
import type { Hands } from './hands.ts';
import {
  jobAnnotation,
  jobOf,
  newJob,
  nextStep,
  otherPlan,
  reportOf,
  type JobStep,
  type NodeReport,
  type UpgradeJob,
} from './job.ts';
import { planLabel, plansRef, type UpgradePlan } from './plan-types.ts';
import { hostOf } from './select.ts';
import { durationMs, hashOf, munged, prepareOf } from './spec.ts';

const looksEveryMs = 2000;
/** As upstream's controller is deployed. */
const deadlineSeconds = 900;

export interface Advance {
  plan: UpgradePlan;
  hash: string;
  version: string;
}

export interface Advanced {
  /** Why the node's job has failed. */
  failed: string | undefined;
  againInMs?: number | undefined;
}

/** Takes the next step for one node that the plan is being applied to. */
export async function advance(hands: Hands, what: Advance, node: Node): Promise<Advanced> {
  const { plan, hash, version } = what;
  const { nowMs } = hands;
  const job = jobOf(node, plan.metadata.name ?? '', hash) ?? newJob(hash);
  if (job.state === 'complete') return await conclude(hands, what, node, job);
  if (job.state === 'waiting') {
    if (await mustWait(hands, plan, node)) return { failed: undefined, againInMs: looksEveryMs };
    await keep(hands, what, node, { ...job, state: 'running', beganMs: nowMs });
    return { failed: undefined, againInMs: 1 };
  }
  const report = await ask(hands, node);
  const deadlineMs = (plan.spec?.jobActiveDeadlineSecs ?? deadlineSeconds) * 1000;
  const step = nextStep({ job, report, version, ready: isReady(node), deadlineMs, nowMs });
  if (step === 'go on' && report) return await goOn(hands, what, node, { job, report });
  return await settle(hands, what, node, { job, step });
}

async function settle(
  hands: Hands,
  what: Advance,
  node: Node,
  { job, step }: { job: UpgradeJob; step: JobStep },
): Promise<Advanced> {
  if (step === 'complete') {
    const done: UpgradeJob = { ...job, state: 'complete', endedMs: hands.nowMs, message: '' };
    const { cordon, drain } = what.plan.spec ?? {};
    await keep(hands, what, node, done, (cordon || drain) && { unschedulable: null });
    return { failed: undefined, againInMs: 1 };
  }
  if (typeof step === 'object' && 'failed' in step) {
    if (job.state !== 'failed')
      await keep(hands, what, node, {
        ...job,
        state: 'failed',
        endedMs: hands.nowMs,
        message: step.failed,
      });
    const failed = `Job failed on Node ${node.metadata.name}: ${step.failed}`;
    // One that gets there after all is found complete.
    return { failed, againInMs: 10 * looksEveryMs };
  }
  const waitMs = typeof step === 'object' ? step.waitMs : looksEveryMs;
  return { failed: undefined, againInMs: waitMs };
}

/** Cordons and drains as the plan says, then orders the version. */
async function goOn(
  hands: Hands,
  what: Advance,
  node: Node,
  { job, report }: { job: UpgradeJob; report: NodeReport },
): Promise<Advanced> {
  const { version, plan } = what;
  const { cordon, drain } = plan.spec ?? {};
  const name = node.metadata.name ?? '';
  if ((cordon || drain) && !node.spec.unschedulable)
    await hands.client.patch(refs.nodes, { name }, merge({ spec: { unschedulable: true } }));
  if (drain) {
    const left = await drainNode(hands, what, name, job);
    if (typeof left === 'object') return await settle(hands, what, node, { job, step: left });
    if (left === 'draining') return { failed: undefined, againInMs: looksEveryMs };
  }
  // Noted first: an order whose answer is lost was one.
  const ordered: UpgradeJob = { ...job, orders: job.orders + 1, orderedMs: hands.nowMs };
  await keep(hands, what, node, ordered);
  const signature = hands.sign({ node: name, version, nonce: report.nonce });
  const query = new URLSearchParams({ version, signature }).toString();
  const { status, body } = await hands.nodes(name, 'POST', `/upgrade?${query}`);
  if (status === 200) return { failed: undefined, againInMs: looksEveryMs };
  const refused = {
    ...report,
    phase: 'failed',
    to: version,
    message: body.toString().slice(0, 500),
  };
  const { nowMs } = hands;
  const ready = isReady(node);
  const step = nextStep({ job: ordered, report: refused, version, ready, deadlineMs: 0, nowMs });
  return await settle(hands, what, node, { job: ordered, step });
}

async function drainNode(
  { client, nowMs }: Hands,
  { plan }: Advance,
  node: string,
  job: UpgradeJob,
): Promise<'drained' | 'draining' | { failed: string }> {
  const { drain } = plan.spec ?? {};
  if (!drain) return 'drained';
  const { items } = await client.list<Pod>(refs.pods, { fieldSelector: `spec.nodeName=${node}` });
  const { evict, leaving, refused } = planDrain(drain, items, nowMs);
  if (refused !== undefined) return { failed: `the node cannot be drained: ${refused}` };
  if (evict.length === 0 && leaving.length === 0) return 'drained';
  const limitMs = drain.timeout === undefined ? 0 : (durationMs(drain.timeout) ?? 0);
  if (limitMs > 0 && nowMs - job.beganMs > limitMs)
    return {
      failed: `the node was not drained in time: ${evict.length + leaving.length} pods left`,
    };
  const grace = drain.gracePeriod;
  const deleteOptions = grace === undefined || grace < 0 ? {} : { gracePeriodSeconds: grace };
  await Promise.all(
    evict.map(async ({ metadata: { namespace, name = '', uid } }) => {
      const exact = { ...deleteOptions, preconditions: { uid } };
      const gone = drain.disableEviction
        ? client.delete(refs.pods, { namespace, name }, exact)
        : client.create(
            refs.pods,
            {
              apiVersion: 'policy/v1',
              kind: 'Eviction',
              metadata: { namespace, name },
              deleteOptions: exact,
            },
            { namespace, name, subresource: 'eviction' },
          );
      await gone.catch((error: unknown) => {
        // A budget that does not allow it now is asked again.
        if (!isApiError(error, 'NotFound', 'TooManyRequests', 'Conflict')) throw error;
      });
    }),
  );
  return 'draining';
}

/** After the delay the node has what the plan wants: its label says so. */
async function conclude(
  hands: Hands,
  { plan, hash, version }: Advance,
  node: Node,
  job: UpgradeJob,
): Promise<Advanced> {
  const { client, events, nowMs } = hands;
  const { postCompleteDelay, postCompleteLabels = {} } = plan.spec ?? {};
  const leftMs = job.endedMs + (durationMs(postCompleteDelay ?? '0') ?? 0) - nowMs;
  if (leftMs > 0) return { failed: undefined, againInMs: leftMs };
  const plan_ = plan.metadata.name ?? '';
  const words: Record<string, string> = { LATEST_HASH: hash, LATEST_VERSION: munged(version) };
  const expanded = Object.entries(postCompleteLabels).map(([key, value]) => [
    key,
    value.replace(/\$\((LATEST_HASH|LATEST_VERSION)\)/g, (_all, word: string) => words[word] ?? ''),
  ]);
  const labels = { ...Object.fromEntries(expanded), [planLabel(plan_)]: hash };
  const name = node.metadata.name ?? '';
  const annotations = { [jobAnnotation(plan_)]: null };
  await client.patch(refs.nodes, { name }, merge({ metadata: { labels, annotations } }));
  events.normal(plan, 'JobComplete', `Job completed on Node ${name}`);
  return { failed: undefined, againInMs: 1 };
}

/** Another plan has the node, or has to be complete before. */
async function mustWait({ client }: Hands, plan: UpgradePlan, node: Node): Promise<boolean> {
  const { prepare } = plan.spec ?? {};
  const { namespace, name = '' } = plan.metadata;
  const planOf = async (other: string): Promise<UpgradePlan | undefined> =>
    await client.get<UpgradePlan>(plansRef, { namespace, name: other }).catch((error: unknown) => {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    });
  const holder = otherPlan(node, name);
  const held = holder === undefined ? undefined : await planOf(holder);
  // A plan that was deleted, or looks elsewhere now, holds nothing.
  if (held?.status?.applying?.includes(hostOf(node))) return true;
  const before = prepare && prepareOf(prepare);
  if (before === undefined) return false;
  const other = await planOf(before);
  return !other || !isComplete(other);
}

/** For what its spec says now: it may have been changed a moment ago. */
function isComplete(plan: UpgradePlan): boolean {
  const { latestVersion = '', latestHash, conditions = [] } = plan.status ?? {};
  const wanted = munged(plan.spec?.version || latestVersion);
  const complete = conditions.find(({ type }) => type === 'Complete')?.status === 'True';
  return complete && wanted === latestVersion && hashOf(plan, wanted) === latestHash;
}

async function ask({ nodes }: Hands, node: Node): Promise<NodeReport | undefined> {
  // A node that starts again does not answer for a while.
  const answer = await nodes(node.metadata.name ?? '', 'GET', '/upgrade').catch(() => undefined);
  return answer?.status === 200 ? reportOf(answer.body) : undefined;
}

async function keep(
  { client }: Hands,
  { plan }: Advance,
  node: Node,
  job: UpgradeJob,
  spec?: object | false,
): Promise<void> {
  const annotations = { [jobAnnotation(plan.metadata.name ?? '')]: JSON.stringify(job) };
  const body = { metadata: { annotations }, ...(spec && { spec }) };
  await client.patch(refs.nodes, { name: node.metadata.name ?? '' }, merge(body));
}

const merge = (body: object): { type: 'merge'; body: object } => ({ type: 'merge', body });

const isReady = (node: Node): boolean =>
  (node.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');
