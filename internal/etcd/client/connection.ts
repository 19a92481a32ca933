import {
  Client,
  credentials,
  type ClientDuplexStream,
  type ChannelCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { realClock, type Clock } from '../../io/clock.ts';
import { GrpcStatus } from '../../io/grpc-server.ts';
import { decode, encode } from '../../wire/etcd/codec.ts';

export interface EtcdEndpoints {
  /** `http://host:port`, `https://host:port`, `unix:///path`, `host:port`. */
  endpoints: string[];
  /**
   * PEM texts, and the name that the members' certificates are checked for when it is not the host
   * of the endpoint. A certificate that is put in the place of another in this object is shown from
   * the next call on.
   */
  tls?: { ca?: string; cert?: string; key?: string; serverName?: string };
}

export interface EtcdStream {
  send(message: string, value: object): void;
  end(): void;
  cancel(): void;
  /** Stops taking from the wire what the other side sends, until `resume`. */
  pause(): void;
  resume(): void;
}

const unavailable = 14;
/** Lists of large clusters are far above gRPC's 4 MiB. */
const largestMessageBytes = 0x7fffffff;
const options = {
  'grpc.max_receive_message_length': largestMessageBytes,
  'grpc.max_send_message_length': largestMessageBytes,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.enable_retries': 0,
  // Else each connection asks the name server for TXT records, and a process cannot end while none
  // answers.
  'grpc.service_config_disable_resolution': 1,
};

const raw = (bytes: Buffer): Buffer => bytes;

/** Only a call that never left may be repeated blindly: grpc-js says so. */
export function neverLeft(error: unknown): boolean {
  return (
    error instanceof GrpcStatus &&
    error.grpcCode === unavailable &&
    /No connection established|ECONNREFUSED|Name resolution/.test(error.message)
  );
}

/** gRPC to the members of an etcd cluster: the next one is tried when one is away. */
export class EtcdConnection {
  readonly #told: EtcdEndpoints;
  readonly #clock: Clock;
  #clients: Client[];
  /** Those with the certificate of before: streams on them go on. */
  #before: Client[] = [];
  #shown: string | undefined;
  #current = 0;

  constructor(told: EtcdEndpoints, clock: Clock = realClock) {
    this.#told = told;
    this.#clock = clock;
    this.#shown = told.tls?.cert;
    this.#clients = clientsOf(told);
  }

  get #client(): Client {
    const { tls } = this.#told;
    if (tls?.cert !== this.#shown) {
      this.#shown = tls?.cert;
      for (const old of this.#before) old.close();
      this.#before = this.#clients;
      this.#clients = clientsOf(this.#told);
    }
    return this.#clients[this.#current] as Client;
  }

  /**
   * One call. Throws GrpcStatus; UNAVAILABLE only after every member was tried, or when the call
   * may have been carried out.
   */
  async call<T>(
    method: string,
    request: [message: string, value: object],
    answer: string,
    timeoutMs = 30_000,
  ): Promise<T> {
    const bytes = encode(...request);
    for (let tries = 1; ; tries++) {
      try {
        return decode<T>(answer, await this.#once(method, bytes, timeoutMs));
      } catch (error) {
        const again = neverLeft(error);
        this.#current = (this.#current + 1) % this.#clients.length;
        if (!again || tries >= this.#clients.length) throw error;
      }
    }
  }

  /** A stream in both directions; `ended` is called once. */
  stream<T>(
    method: string,
    answer: string,
    on: { data(message: T): void; ended(error: GrpcStatus | undefined): void },
  ): EtcdStream {
    const client = this.#client;
    const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
      `/etcdserverpb.${method}`,
      raw,
      raw,
    );
    let over = false;
    const end = (error: GrpcStatus | undefined): void => {
      if (over) return;
      over = true;
      if (error?.grpcCode === unavailable)
        this.#current = (this.#current + 1) % this.#clients.length;
      on.ended(error);
    };
    call.on('data', (bytes: Buffer) => {
      if (!over) on.data(decode<T>(answer, bytes));
    });
    call.on('error', (error: ServiceError) => end(new GrpcStatus(error.code, error.details)));
    call.on('end', () => end(undefined));
    return {
      send: (message, value) => void call.write(encode(message, value)),
      end: () => call.end(),
      cancel: () => {
        over = true;
        call.cancel();
      },
      pause: () => void call.pause(),
      resume: () => void call.resume(),
    };
  }

  close(): void {
    for (const client of [...this.#before, ...this.#clients]) client.close();
  }

  #once(method: string, bytes: Buffer, timeoutMs: number): Promise<Buffer> {
    const client = this.#client;
    return new Promise((resolve, reject) => {
      const deadline = this.#clock.now() + timeoutMs;
      client.makeUnaryRequest(
        `/etcdserverpb.${method}`,
        raw,
        raw,
        bytes,
        { deadline },
        (error, answer) => {
          if (error) reject(new GrpcStatus(error.code, error.details));
          else resolve(answer ?? Buffer.alloc(0));
        },
      );
    });
  }
}

function clientsOf({ endpoints, tls }: EtcdEndpoints): Client[] {
  return endpoints.map((endpoint) => {
    const { target, secure } = targetOf(endpoint);
    const named =
      secure && tls?.serverName !== undefined
        ? { ...options, 'grpc.ssl_target_name_override': tls.serverName }
        : options;
    return new Client(
      target,
      secure ? secureCredentials(tls) : credentials.createInsecure(),
      named,
    );
  });
}

function targetOf(endpoint: string): { target: string; secure: boolean } {
  const [, scheme, rest] = /^(?:(https?|unixs?):\/\/)?(.+)$/.exec(endpoint) ?? [];
  if (scheme === 'unix') return { target: `unix:${rest}`, secure: false };
  return { target: (rest ?? endpoint).replace(/\/$/, ''), secure: scheme === 'https' };
}

function secureCredentials(tls: EtcdEndpoints['tls']): ChannelCredentials {
  const buffer = (text: string | undefined): Buffer | null =>
    text === undefined ? null : Buffer.from(text);
  return credentials.createSsl(buffer(tls?.ca), buffer(tls?.key), buffer(tls?.cert));
}
