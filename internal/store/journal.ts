import type { Encryption } from './cipher.ts';

/** What every batch says of the whole log; kept in the batch's last row. */
export interface Seal {
  /** The newest revision on disk, or published in memory when the batch was formed. */
  revision: number;
  /**
   * Soft writes may have been handed out up to this revision without another commit. Equal to
   * `revision` where there are none.
   */
  ceiling: number;
  /** Revisions below this are compacted, or would have gaps if somebody read them after a start. */
  horizon: number;
  /** True in the last batch of a store that was closed in order. */
  clean: boolean;
}

/** One commit: rows to append, row numbers to delete, all or nothing. */
export interface Batch {
  /**
   * Rows one after the other, each behind its length (32 bits, little endian), built by RowWriter.
   * The journal may take the buffer (detach it).
   */
  rows: Uint8Array;
  rowCount: number;
  firstSeq: number;
  /** Rows of earlier batches. */
  deletes: Float64Array;
  seal: Seal;
  /**
   * One client waits, and the disk is fast: looking again for the end of the commit costs no more
   * than sleeping and being woken.
   */
  awake?: boolean;
}

/** Whether the disk takes writes: all of them; few, because it is full; none. */
export type RoomState = 'ample' | 'scarce' | 'read-only';

/** Where the log lies. One owner; one commit at a time. */
export interface Journal {
  /** Where it lies on a disk, for people. */
  readonly folder?: string;
  /** Calls `fn` when a commit found the disk in another state than it was. */
  onRoom?(fn: (state: RoomState) => void): void;
  /** Looks whether there is room again, and makes use of it. */
  lookForRoom?(): Promise<RoomState>;
  /**
   * Resolves when the batch would survive a power cut. Rejects with StoreError, and then nothing of
   * the batch is in the log.
   */
  commit(batch: Batch): Promise<void>;
  /** True while work waits for a timer: the process must not end meanwhile. */
  hold(on: boolean): void;
  size(): Promise<{ bytes: number; inUseBytes: number }>;
  /** Encrypts from the next commit on with these keys. */
  encrypt(encryption: Encryption | undefined): Promise<void>;
  /** Gives back memory of the process, and free space if that is much and cheaply had. */
  giveBack?(): Promise<void>;
  /** Gives free space back to the file system. Commits wait meanwhile. */
  defragment(): Promise<void>;
  /** A copy of the newest durable state as one file at `path`, without stopping writers. */
  snapshot(path: string): Promise<void>;
  close(): Promise<void>;
}
