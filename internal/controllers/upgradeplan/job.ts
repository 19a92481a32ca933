import type { Node } from '../../api/generated/types/core-v1.ts';
import { numberOf, textOf } from '../../api/loose.ts';
import { own } from '../../base/own.ts';
import { isOf } from './spec.ts';

/** What a plan has done to a node, kept at the node: a Job's part of the work. */
export interface UpgradeJob {
  hash: string;
  state: 'waiting' | 'running' | 'complete' | 'failed';
  /** When it began to run, and when it ended; milliseconds since 1970. */
  beganMs: number;
  endedMs: number;
  /** How often the version was ordered. */
  orders: number;
  /** When it was ordered last, or that failed. */
  orderedMs: number;
  message: string;
}

export const jobAnnotation = (plan: string): string => `upgrade.skiff/${plan}`;
const prefix = jobAnnotation('');

/** The job of the plan on this node; undefined when there is none of this hash. */
export function jobOf(node: Node, plan: string, hash: string): UpgradeJob | undefined {
  const job = parsed(own(node.metadata.annotations, jobAnnotation(plan)));
  return job?.hash === hash ? job : undefined;
}

export const newJob = (hash: string): UpgradeJob => ({
  hash,
  state: 'waiting',
  beganMs: 0,
  endedMs: 0,
  orders: 0,
  orderedMs: 0,
  message: '',
});

/** The other plan that has this node in hand. A machine is upgraded by one at a time. */
export function otherPlan(node: Node, plan: string): string | undefined {
  for (const [key, value] of Object.entries(node.metadata.annotations ?? {}))
    if (key.startsWith(prefix) && key !== jobAnnotation(plan) && parsed(value)?.state === 'running')
      return key.slice(prefix.length);
  return undefined;
}

const states = ['waiting', 'running', 'complete', 'failed'] as const;

function parsed(text: string | undefined): UpgradeJob | undefined {
  try {
    const found = JSON.parse(text ?? '') as Record<string, unknown>;
    const state = states.find((one) => one === found['state']);
    return (
      state && {
        hash: textOf(found['hash']),
        state,
        beganMs: numberOf(found['beganMs']),
        endedMs: numberOf(found['endedMs']),
        orders: numberOf(found['orders']),
        orderedMs: numberOf(found['orderedMs']),
        message: textOf(found['message']),
      }
    );
  } catch {
    return undefined;
  }
}

/** What a node says of its own upgrades. */
export interface NodeReport {
  /** `v1.2.3 (build)` */
  runs: string;
  phase: string;
  /** The version that the phase is about. */
  to: string;
  message: string;
  /** Goes into the next order. */
  nonce: string;
}

/** Of a node that is itself. */
const longestWord = 1000;

export function reportOf(body: Buffer): NodeReport | undefined {
  try {
    const found = JSON.parse(body.toString()) as Record<string, unknown>;
    const [runs, phase, to] = [textOf(found['runs']), textOf(found['phase']), textOf(found['to'])];
    const [message, nonce] = [textOf(found['message']), textOf(found['nonce'])];
    // A node may be in other hands: what it says goes into the plan's status.
    if (Math.max(runs.length, to.length, message.length, nonce.length) > longestWord)
      return undefined;
    return runs && phase && nonce ? { runs, phase, to, message, nonce } : undefined;
  } catch {
    return undefined;
  }
}

/** As Jobs of upstream: tried again twice (`backoffLimit: 2`), after 10 s and then 20 s. */
const mostOrders = 3;
const firstRetryMs = 10_000;

export type JobStep = 'wait' | 'go on' | 'complete' | { failed: string } | { waitMs: number };

/**
 * What to do for a node by what it says; `go on` is to cordon, to drain and then to order. A
 * version that the node has taken back is not ordered again: that ended well for the node alone.
 */
export function nextStep(o: {
  job: UpgradeJob;
  report: NodeReport | undefined;
  version: string;
  ready: boolean;
  deadlineMs: number;
  nowMs: number;
}): JobStep {
  const { job, report, version, ready, deadlineMs, nowMs } = o;
  const busy = report !== undefined && ['preparing', 'trial', 'later'].includes(report.phase);
  if (report && isOf(report.runs, version) && !busy) return ready ? 'complete' : 'wait';
  if (job.state === 'failed') return { failed: job.message };
  if (deadlineMs > 0 && nowMs - job.beganMs > deadlineMs)
    return {
      failed: `DeadlineExceeded: ${report?.message || 'the node has not got there in time'}`,
    };
  if (!report || busy) return 'wait';
  const about = isOf(report.to, version) && job.orders > 0;
  if (about && report.phase === 'returned') return { failed: `taken back: ${report.message}` };
  if (about && report.phase === 'failed' && job.orders >= mostOrders)
    return { failed: `BackoffLimitExceeded: ${report.message}` };
  const notBefore = job.orderedMs + firstRetryMs * 2 ** (job.orders - 1);
  if (about && report.phase === 'failed' && nowMs < notBefore) return { waitMs: notBefore - nowMs };
  return 'go on';
}
