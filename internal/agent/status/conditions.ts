import type {
  Container,
  ContainerStatus,
  Pod,
  PodCondition,
} from '../../api/generated/types/core-v1.ts';
import { isSidecar } from '../config/pod-resources.ts';

/** The condition types that the node writes; all others are kept as they are. */
export const ownConditions = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  'PodResizePending',
  'PodResizeInProgress',
  'AllContainersRestarting',
]);

type Bare = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

export interface ConditionInput {
  pod: Pod;
  phase: string;
  sandboxReady: boolean;
  init: ContainerStatus[];
  containers: ContainerStatus[];
  /** Conditions that others wrote, which readiness gates ask for. */
  foreign: PodCondition[];
}

/** The kubelet's conditions, in its order, without times. */
export function conditionsOf(input: ConditionInput): Bare[] {
  const containersReady = containersReadyCondition(input);
  return [
    { type: 'PodReadyToStartContainers', status: input.sandboxReady ? 'True' : 'False' },
    initializedCondition(input),
    readyCondition(input, containersReady),
    containersReady,
    { type: 'PodScheduled', status: 'True' },
  ];
}

const truly = (type: string): Bare => ({ type, status: 'True' });
const falsely = (type: string, reason: string, message?: string): Bare => ({
  type,
  status: 'False',
  reason,
  ...(message ? { message } : {}),
});
/** Go prints a list of strings so. */
const list = (names: string[]): string => `[${names.join(' ')}]`;

function missingText(what: string, unknown: string[], bad: string[]): string {
  const parts: string[] = [];
  if (unknown.length > 0) parts.push(`containers with unknown status: ${list(unknown)}`);
  if (bad.length > 0) parts.push(`containers with ${what} status: ${list(bad)}`);
  return parts.join(', ');
}

function sorted(
  containers: Container[],
  statuses: ContainerStatus[],
  good: (c: Container, s: ContainerStatus) => boolean,
): { unknown: string[]; bad: string[] } {
  const unknown: string[] = [];
  const bad: string[] = [];
  for (const container of containers) {
    const status = statuses.find((s) => s.name === container.name);
    if (!status) unknown.push(container.name);
    else if (!good(container, status)) bad.push(container.name);
  }
  return { unknown, bad };
}

function containersReadyCondition({ pod, phase, init, containers }: ConditionInput): Bare {
  const type = 'ContainersReady';
  const relevant = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers];
  const { unknown, bad } = sorted(relevant, [...init, ...containers], (_, s) => s.ready);
  if (phase === 'Succeeded' && unknown.length === 0) return falsely(type, 'PodCompleted');
  if (phase === 'Failed') return falsely(type, 'PodFailed');
  const message = missingText('unready', unknown, bad);
  return message ? falsely(type, 'ContainersNotReady', message) : truly(type);
}

function readyCondition({ pod, foreign }: ConditionInput, containersReady: Bare): Bare {
  if (containersReady.status !== 'True') return { ...containersReady, type: 'Ready' };
  const messages: string[] = [];
  for (const gate of pod.spec.readinessGates ?? []) {
    const condition = foreign.find((c) => c.type === gate.conditionType);
    if (!condition)
      messages.push(
        `corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`,
      );
    else if (condition.status !== 'True')
      messages.push(
        `the status of pod readiness gate "${gate.conditionType}" is not "True", but ` +
          `${condition.status}`,
      );
  }
  return messages.length > 0
    ? falsely('Ready', 'ReadinessGatesNotReady', messages.join(', '))
    : truly('Ready');
}

function initializedCondition({ pod, phase, init, containers }: ConditionInput): Bare {
  const type = 'Initialized';
  const good = (c: Container, s: ContainerStatus): boolean =>
    isSidecar(c) ? s.started === true : s.ready;
  const { unknown, bad } = sorted(pod.spec.initContainers ?? [], init, good);
  if (phase === 'Succeeded' && unknown.length === 0)
    return { ...truly(type), reason: 'PodCompleted' };
  // Once an ordinary container has started, the pod was initialized, even while its sidecars start
  // again.
  if (containers.some((s) => s.state?.running || s.state?.terminated || s.lastState?.terminated))
    return truly(type);
  const message = missingText('incomplete', unknown, bad);
  return message ? falsely(type, 'ContainersNotInitialized', message) : truly(type);
}
