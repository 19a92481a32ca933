import type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  Lifecycle,
  Probe,
  SleepAction,
  TCPSocketAction,
} from '../generated/types/core-v1.ts';
import type { IntOrString } from '../generated/types/intstr.ts';
import { validHeaderName, validPortName, validPortNumber } from '../names.ts';
import type { Problems } from './problems.ts';

interface Handler {
  exec?: ExecAction;
  httpGet?: HTTPGetAction;
  tcpSocket?: TCPSocketAction;
  grpc?: GRPCAction;
  sleep?: SleepAction;
}

export function checkPort(problems: Problems, port: IntOrString | undefined, field: string): void {
  if (typeof port === 'string') problems.check(field, port, validPortName);
  else {
    const number = typeof port === 'number' ? port : 0;
    for (const m of validPortNumber(number)) problems.invalid(field, number, m);
  }
}

const actions: readonly [
  keyof Handler,
  (problems: Problems, handler: Handler, path: string, graceSeconds: number | undefined) => void,
][] = [
  [
    'exec',
    (problems, { exec }, path) =>
      void (exec?.command?.length ? 0 : problems.required(`${path}.command`)),
  ],
  ['httpGet', (problems, { httpGet }, path) => checkHttp(problems, httpGet, path)],
  [
    'tcpSocket',
    (problems, { tcpSocket }, path) => checkPort(problems, tcpSocket?.port, `${path}.port`),
  ],
  ['grpc', (problems, { grpc }, path) => checkPort(problems, grpc?.port, `${path}.port`)],
  [
    'sleep',
    (problems, { sleep }, path, grace) => {
      const seconds = sleep?.seconds ?? 0;
      if (grace !== undefined && (seconds < 0 || seconds > grace))
        problems.invalid(
          path,
          seconds,
          `must be non-negative and less than terminationGracePeriodSeconds (${grace})`,
        );
    },
  ],
];

function checkHttp(problems: Problems, http: HTTPGetAction | undefined, path: string): void {
  if (!http?.path) problems.required(`${path}.path`);
  checkPort(problems, http?.port, `${path}.port`);
  if (http?.scheme !== 'HTTP' && http?.scheme !== 'HTTPS')
    problems.notSupported(`${path}.scheme`, http?.scheme ?? '', ['HTTP', 'HTTPS']);
  for (const header of http?.httpHeaders ?? [])
    problems.check(`${path}.httpHeaders`, header.name, validHeaderName);
}

function checkHandler(
  problems: Problems,
  handler: Handler,
  graceSeconds: number | undefined,
  path: string,
): void {
  let seen = false;
  for (const [name, check] of actions) {
    if (!handler[name]) continue;
    if (seen) problems.forbidden(`${path}.${name}`, 'may not specify more than 1 handler type');
    else check(problems, handler, `${path}.${name}`, graceSeconds);
    seen = true;
  }
  if (!seen) problems.required(path, 'must specify a handler type');
}

export function checkLifecycle(
  problems: Problems,
  lifecycle: Lifecycle | undefined,
  graceSeconds: number | undefined,
  path: string,
): void {
  if (lifecycle?.postStart)
    checkHandler(problems, lifecycle.postStart, graceSeconds, `${path}.postStart`);
  if (lifecycle?.preStop)
    checkHandler(problems, lifecycle.preStop, graceSeconds, `${path}.preStop`);
}

function checkProbe(
  problems: Problems,
  probe: Probe,
  graceSeconds: number | undefined,
  path: string,
): void {
  checkHandler(problems, probe, graceSeconds, path);
  for (const field of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    problems.nonNegative(`${path}.${field}`, probe[field]);
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0)
    problems.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0');
}

export interface Probed {
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
}

export function checkProbes(
  problems: Problems,
  container: Probed,
  graceSeconds: number | undefined,
  path: string,
): void {
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[name];
    if (!probe) continue;
    const at = `${path}.${name}`;
    checkProbe(problems, probe, graceSeconds, at);
    if (name === 'readinessProbe') {
      if (probe.terminationGracePeriodSeconds !== undefined)
        problems.invalid(
          `${at}.terminationGracePeriodSeconds`,
          probe.terminationGracePeriodSeconds,
          'must not be set for readinessProbes',
        );
    } else if ((probe.successThreshold ?? 0) !== 1)
      problems.invalid(`${at}.successThreshold`, probe.successThreshold ?? 0, 'must be 1');
  }
}
