import type { Clock } from '../io/clock.ts';
import type { GrpcServerStream } from '../io/grpc-server.ts';
import type { Log } from '../io/log.ts';
import type { Store } from '../store/store.ts';

export type Unary = (request: Buffer) => Promise<Buffer> | Buffer;
export type Streaming = (stream: GrpcServerStream) => void;

/** What a store can do beyond the interface: only a store with a file of its own can. */
export interface Maintainable {
  defragment(): Promise<void>;
  /** Writes a copy to a file and returns its path; the caller removes it. */
  snapshot(path: string): Promise<void>;
  /** etcd's hash of all revisions up to `revision` (0 = newest). */
  hashKv(revision: number): { hash: number; revision: number; compactRevision: number };
}

/** What the services share. */
export interface Face {
  store: Store & Partial<Maintainable>;
  clock: Clock;
  log: Log;
  member: { clusterId: string; memberId: string; name: string; clientUrls: string[] };
  raftTerm: number;
  header(revision: number): {
    clusterId: string;
    memberId: string;
    revision: number;
    raftTerm: number;
  };
}
