import { GrpcError, grpcCode, openGrpc, type GrpcChannel, type GrpcUnary } from '../../io/grpc.ts';
import type { Log } from '../../io/log.ts';
import {
  containerdCodec,
  containerdMethods,
  criCodec,
  criMethods,
  type ContainerdCalls,
  type CriCalls,
  type Envelope,
} from '../../wire/cri/cri.ts';

export interface CallOptions {
  /** How long the runtime may take; the default is two minutes, as the kubelet's. 0 = forever. */
  timeoutMs?: number;
  signal?: AbortSignal;
  waitForReady?: boolean;
}

type Unary = Omit<CriCalls, 'getContainerEvents'>;

/** Every CRI call as a method: `cri.runPodSandbox(request, options?)`. Failures are GrpcError. */
export type CriClient = {
  [M in keyof Unary]: (
    request: Unary[M]['request'],
    options?: CallOptions,
  ) => Promise<Unary[M]['response']>;
} & { close(): void };

/** containerd's own calls, in its Kubernetes namespace. */
export type ContainerdClient = {
  [M in Exclude<keyof ContainerdCalls, 'subscribe'>]: (
    request: ContainerdCalls[M]['request'],
    options?: CallOptions,
  ) => Promise<ContainerdCalls[M]['response']>;
} & {
  /** Task events of the namespace until `ended`. */
  subscribe(on: {
    data(envelope: Envelope): void;
    ended(error: Error | undefined): void;
  }): () => void;
};

export interface Runtime {
  cri: CriClient;
  containerd: ContainerdClient;
  close(): void;
}

/** Called with the name of each CRI call. */
export type CallObserver = (name: string, tookMs: number, failed: boolean) => void;

const defaultTimeoutMs = 120_000;
const namespace = { 'containerd-namespace': 'k8s.io' };

/**
 * Both faces of one containerd over one connection. `socket` is a path or a `unix://` address.
 * Every call is told to `log`, at level debug.
 */
export function connectRuntime(socket: string, log?: Log, called?: CallObserver): Runtime {
  const channel = openGrpc(socket.includes('://') ? socket : `unix://${socket}`, {
    observe: (call, ms, error) => {
      log?.debug('call', { call, ms: Math.round(ms), ...(error !== undefined && { error }) });
      const [, name = ''] = call.split('.');
      if (name in criMethods) called?.(name, ms, error !== undefined);
    },
  });
  const cri: Record<string, unknown> = { close: () => channel.close() };
  for (const [name, [path, request, response]] of Object.entries(criMethods)) {
    cri[name] = caller(channel, name, {
      path,
      encode: (q) => criCodec.encode(request, q),
      decode: (b) => criCodec.decode(response, b),
    });
  }
  const containerd: Record<string, unknown> = {};
  for (const [name, [path, request, response]] of Object.entries(containerdMethods)) {
    const method: GrpcUnary<object, object> = {
      path,
      encode: (q) => containerdCodec.encode(request, q),
      decode: (b) => containerdCodec.decode(response, b),
    };
    containerd[name] = caller(channel, name, method, namespace);
  }
  containerd['subscribe'] = subscriber(channel);
  return {
    cri: cri as CriClient,
    containerd: containerd as ContainerdClient,
    close: () => channel.close(),
  };
}

function caller(
  channel: GrpcChannel,
  name: string,
  method: GrpcUnary<object, object>,
  metadata?: Record<string, string>,
) {
  return (request: object, options: CallOptions = {}): Promise<object> =>
    channel.call(`cri.${name}`, method, request, {
      ...options,
      timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
      metadata,
    });
}

function subscriber(channel: GrpcChannel): ContainerdClient['subscribe'] {
  const [path, request, response] = containerdMethods.subscribe;
  const method: GrpcUnary<object, Envelope> = {
    path,
    encode: (q) => containerdCodec.encode(request, q),
    decode: (b) => containerdCodec.decode(response, b),
  };
  const filters = ['topic=="/tasks/exit"', 'topic=="/tasks/oom"', 'topic=="/tasks/start"'].map(
    (f) => `namespace==k8s.io,${f}`,
  );
  return (on) =>
    channel.stream('containerd.subscribe', method, { filters }, { metadata: namespace }, on);
}

/** The runtime says that there is no such sandbox, container or image. */
export function isNotFound(error: unknown): boolean {
  return (
    error instanceof GrpcError &&
    (error.grpcCode === grpcCode.notFound || /not found/.test(error.message))
  );
}
