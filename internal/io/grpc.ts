import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { IoError } from '../base/errors.ts';

/** A call that failed, with its gRPC code (https://grpc.io/docs/guides/status-codes). */
export class GrpcError extends IoError {
  readonly grpcCode: number;

  constructor(op: string, cause: ServiceError) {
    super(cause.details || cause.message, {
      op,
      code: `GRPC_${status[cause.code] ?? cause.code}`,
      cause,
    });
    this.grpcCode = cause.code;
  }
}

export const grpcCode = {
  unknown: 2,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

export interface GrpcUnary<Q, R> {
  path: string;
  encode(request: Q): Buffer;
  decode(bytes: Buffer): R;
}

export interface GrpcCallOptions {
  /** 0 = forever. */
  timeoutMs: number;
  metadata?: Record<string, string>;
  signal?: AbortSignal;
  /** Wait for the connection instead of failing at once when the peer is away. */
  waitForReady?: boolean;
}

/** One connection to a gRPC service. */
export interface GrpcChannel {
  call<Q, R>(op: string, method: GrpcUnary<Q, R>, request: Q, options: GrpcCallOptions): Promise<R>;
  /**
   * A server stream; `ended` is told once, with undefined when it ended normally. Returns how to
   * stop.
   */
  stream<Q, R>(
    op: string,
    method: GrpcUnary<Q, R>,
    request: Q,
    options: Pick<GrpcCallOptions, 'metadata'>,
    on: { data(message: R): void; ended(error: Error | undefined): void },
  ): () => void;
  close(): void;
}

/**
 * A restarted peer is found again in some 60 ms; grpc-js would wait a second, and share that wait
 * with every other channel.
 */
const reconnectFirstMs = 50;
const reconnectMostMs = 500;
/** Lists of all containers of a node, and the verbose forms, pass gRPC's 4 MiB. */
const largestMessageBytes = 16 * 1024 * 1024;

/** Is told of every call that ended: its name, how long it took, and how it failed. */
export type GrpcObserver = (op: string, ms: number, error: string | undefined) => void;

export interface GrpcOptions {
  observe?: GrpcObserver | undefined;
  /** A larger answer fails the call. */
  mostAnswerBytes?: number;
}

/** `target` is `unix:///path` or `host:port`. Nothing is dialled before the first call. */
export function openGrpc(
  target: string,
  { observe, mostAnswerBytes = largestMessageBytes }: GrpcOptions = {},
): GrpcChannel {
  const client = new Client(target, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': reconnectFirstMs,
    'grpc.min_reconnect_backoff_ms': reconnectFirstMs,
    'grpc.max_reconnect_backoff_ms': reconnectMostMs,
    'grpc.max_receive_message_length': mostAnswerBytes,
    'grpc.max_send_message_length': largestMessageBytes,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  return {
    call: (op, method, request, options) =>
      new Promise((resolve, reject) => {
        const began = performance.now();
        const callOptions =
          options.timeoutMs > 0 ? { deadline: new Date(Date.now() + options.timeoutMs) } : {};
        const call = client.makeUnaryRequest(
          method.path,
          method.encode,
          method.decode,
          request,
          metadataOf(options.metadata, options.waitForReady),
          callOptions,
          (error, answer) => {
            options.signal?.removeEventListener('abort', cancel);
            observe?.(op, performance.now() - began, error?.details);
            if (error) reject(new GrpcError(op, error));
            else resolve(answer as never);
          },
        );
        const cancel = (): void => call.cancel();
        options.signal?.addEventListener('abort', cancel);
        if (options.signal?.aborted) cancel();
      }),
    stream(op, method, request, options, on) {
      const call = client.makeServerStreamRequest(
        method.path,
        method.encode,
        method.decode,
        request,
        metadataOf(options.metadata),
      );
      let over = false;
      const end = (error: Error | undefined): void => {
        if (over) return;
        over = true;
        on.ended(error);
      };
      call.on('data', (message) => on.data(message as never));
      call.on('error', (error) => end(new GrpcError(op, error as ServiceError)));
      call.on('end', () => end(undefined));
      return () => {
        over = true;
        call.cancel();
      };
    },
    close: () => client.close(),
  };
}

function metadataOf(pairs: Record<string, string> | undefined, waitForReady = false): Metadata {
  const metadata = new Metadata({ waitForReady });
  for (const key in pairs) metadata.set(key, pairs[key]!);
  return metadata;
}
