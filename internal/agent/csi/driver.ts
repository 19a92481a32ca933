import { table } from '../../base/own.ts';
import { GrpcError, openGrpc, type GrpcUnary } from '../../io/grpc.ts';
import { csiCodec, csiMethods, type CsiCalls } from '../../wire/csi/csi.ts';

/** Every call of a driver as a method; each ends in its time. */
export type DriverCalls = {
  [M in keyof CsiCalls]: (request: CsiCalls[M]['request']) => Promise<CsiCalls[M]['response']>;
};

export interface DriverConnection {
  calls: DriverCalls;
  close(): void;
}

/** Opens a driver's socket; nothing is dialled before the first call. */
export type Connect = (socket: string) => DriverConnection;

/** As the kubelet's: mounting may take its time. */
const defaultTimeoutMs = 120_000;
/** What is answered from memory. */
const quickMs = 10_000;
const quick = new Set<keyof CsiCalls>([
  'getInfo',
  'notifyRegistrationStatus',
  'nodeGetInfo',
  'nodeGetCapabilities',
  'nodeGetVolumeStats',
]);
/** gRPC's own limit, which drivers are written for. */
const mostAnswerBytes = 4 * 1024 * 1024;
/** What a driver says goes into events and conditions. */
const mostErrorChars = 1024;

/** The names of gRPC's codes as Kubernetes' events show them. */
const codes: Record<string, string> = table({
  1: 'Canceled',
  2: 'Unknown',
  3: 'InvalidArgument',
  4: 'DeadlineExceeded',
  5: 'NotFound',
  6: 'AlreadyExists',
  7: 'PermissionDenied',
  8: 'ResourceExhausted',
  9: 'FailedPrecondition',
  10: 'Aborted',
  11: 'OutOfRange',
  12: 'Unimplemented',
  13: 'Internal',
  14: 'Unavailable',
  15: 'DataLoss',
  16: 'Unauthenticated',
});

/** A driver refused, or did not answer; the text is that of an event. */
class DriverError extends Error {
  constructor(cause: GrpcError) {
    const said = cause.message.slice(0, mostErrorChars);
    super(`rpc error: code = ${codes[cause.grpcCode] ?? cause.grpcCode} desc = ${said}`, { cause });
  }
}

export function connectDriver(socket: string): DriverConnection {
  const channel = openGrpc(`unix://${socket}`, { mostAnswerBytes });
  const calls: Record<string, unknown> = {};
  for (const [name, [path, request, response]] of Object.entries(csiMethods)) {
    const method: GrpcUnary<object, object> = {
      path,
      encode: (q) => csiCodec.encode(request, q),
      decode: (b) => csiCodec.decode(response, b),
    };
    const timeoutMs = quick.has(name as keyof CsiCalls) ? quickMs : defaultTimeoutMs;
    calls[name] = (q: object) =>
      channel.call(`csi.${name}`, method, q, { timeoutMs }).catch((error: unknown) => {
        throw error instanceof GrpcError ? new DriverError(error) : error;
      });
  }
  return { calls: calls as DriverCalls, close: () => channel.close() };
}
