import { hostInUrl } from '../../base/addresses.ts';
import type { Container, Probe } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Dial } from '../../io/dial.ts';
import { GrpcError, grpcCode, openGrpc, type GrpcUnary } from '../../io/grpc.ts';
import { dialTcp } from '../../io/sockets.ts';
import { expandAll } from '../env/expand.ts';
import { goDialError } from './go-errors.ts';
import { containerPort, httpGet } from './http-get.ts';

export interface ProbeDoors {
  clock: Clock;
  dial: Dial;
  /**
   * Runs a command in a container. A command that took too long throws GrpcError with
   * DEADLINE_EXCEEDED.
   */
  exec(
    containerId: string,
    command: string[],
    timeoutSeconds: number,
  ): Promise<{ exitCode: number; output: string }>;
}

export interface ProbeTarget {
  probe: Probe;
  container: Container;
  containerId: string;
  podIP: string;
}

/** A warning is a success that somebody should look at. */
export interface ProbeOutcome {
  result: 'Success' | 'Warning' | 'Failure';
  output: string;
}

const longestOutput = 10 * 1024;

/** Asks once. Throws when the question itself could not be put. */
export async function runProbe(target: ProbeTarget, doors: ProbeDoors): Promise<ProbeOutcome> {
  const { probe } = target;
  if (probe.exec) return execProbe(target, probe.exec.command ?? [], doors);
  if (probe.httpGet) return httpProbe(target, probe.httpGet, doors);
  if (probe.tcpSocket) return tcpProbe(target, probe.tcpSocket);
  if (probe.grpc) return grpcProbe(target, probe.grpc);
  throw new Error('missing probe handler');
}

function timeoutSeconds(probe: Probe): number {
  return Math.max(1, probe.timeoutSeconds ?? 1);
}

async function execProbe(
  { probe, container, containerId }: ProbeTarget,
  command: string[],
  doors: ProbeDoors,
): Promise<ProbeOutcome> {
  const fixed = new Map(
    (container.env ?? []).map((variable) => [variable.name, variable.value ?? '']),
  );
  const words = expandAll(command, fixed);
  const seconds = timeoutSeconds(probe);
  try {
    const { exitCode, output } = await doors.exec(containerId, words, seconds);
    return {
      result: exitCode === 0 ? 'Success' : 'Failure',
      output: output.slice(0, longestOutput),
    };
  } catch (error) {
    if (!(error instanceof GrpcError) || error.grpcCode !== grpcCode.deadlineExceeded) throw error;
    return {
      result: 'Failure',
      output: `command timed out: ${JSON.stringify(words.join(' '))} timed out after ${seconds}s`,
    };
  }
}

async function httpProbe(
  target: ProbeTarget,
  action: NonNullable<Probe['httpGet']>,
  doors: ProbeDoors,
): Promise<ProbeOutcome> {
  const { container, podIP } = target;
  containerPort(action.port, container);
  try {
    const { status, body, stopped } = await httpGet(
      {
        action,
        container,
        podIP,
        purpose: 'probe',
        timeoutMs: timeoutSeconds(target.probe) * 1000,
      },
      doors,
    );
    if (status < 200 || status >= 400)
      return { result: 'Failure', output: `HTTP probe failed with statuscode: ${status}` };
    return stopped
      ? { result: 'Warning', output: `Probe terminated redirects, Response body: ${body}` }
      : { result: 'Success', output: body };
  } catch (error) {
    return { result: 'Failure', output: messageOf(error) };
  }
}

async function tcpProbe(
  target: ProbeTarget,
  action: NonNullable<Probe['tcpSocket']>,
): Promise<ProbeOutcome> {
  const port = containerPort(action.port, target.container);
  const host = action.host || target.podIP;
  try {
    const socket = await dialTcp('probe.tcp', {
      address: host,
      port,
      timeoutMs: timeoutSeconds(target.probe) * 1000,
    });
    // the answer is known; what the peer does to the closing socket is its own affair
    socket.on('error', () => undefined);
    socket.destroy();
    return { result: 'Success', output: '' };
  } catch (error) {
    const why = messageOf(error).includes('no answer from')
      ? `dial tcp ${host}:${port}: i/o timeout`
      : goDialError(error, `${host}:${port}`);
    return { result: 'Failure', output: why };
  }
}

const servingStates = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** grpc.health.v1.Health/Check: a request of one string, an answer of one enum. */
const healthCheck: GrpcUnary<string, number> = {
  path: '/grpc.health.v1.Health/Check',
  encode: (service) => {
    const name = Buffer.from(service);
    return name.length === 0
      ? Buffer.alloc(0)
      : Buffer.concat([Buffer.from([0x0a]), varint(name.length), name]);
  },
  decode: (bytes) => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0),
};

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}

async function grpcProbe(
  target: ProbeTarget,
  action: NonNullable<Probe['grpc']>,
): Promise<ProbeOutcome> {
  const seconds = timeoutSeconds(target.probe);
  const host = hostInUrl(target.podIP);
  const address = `${host}:${action.port}`;
  const channel = openGrpc(address);
  try {
    const state = await channel.call('probe.grpc', healthCheck, action.service ?? '', {
      timeoutMs: seconds * 1000,
    });
    if (state === 1) return { result: 'Success', output: 'service healthy' };
    return {
      result: 'Failure',
      output:
        'service unhealthy (responded with ' +
        `${JSON.stringify(servingStates[state] ?? String(state))})`,
    };
  } catch (error) {
    return { result: 'Failure', output: grpcFailure(error, address, seconds) };
  } finally {
    channel.close();
  }
}

function grpcFailure(error: unknown, address: string, seconds: number): string {
  const code = error instanceof GrpcError ? error.grpcCode : undefined;
  if (code === grpcCode.unimplemented)
    return (
      'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ' +
      `${messageOf(error)}`
    );
  if (code === grpcCode.deadlineExceeded)
    return `timeout: health rpc did not complete within ${seconds}s`;
  if (code === grpcCode.unavailable)
    return (
      `timeout: failed to connect service ${JSON.stringify(address)} within ${seconds}s: ` +
      'context deadline exceeded'
    );
  return `error: health rpc probe failed: ${messageOf(error)}`;
}
