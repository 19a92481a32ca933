import type { Encryption } from '../cipher.ts';
import type { Batch, RoomState } from '../journal.ts';
import type { LogFileOptions } from './log-file.ts';

/** What the writer thread is started with; `shared` is the mailbox's memory. */
export interface WriterData {
  options: LogFileOptions;
  shared: SharedArrayBuffer;
}

/** What the store asks of the writer thread; each question gets one answer, in order. */
export type Question =
  | ({ do: 'commit' } & Batch)
  | { do: 'size' }
  | { do: 'defragment' }
  | { do: 'give-back' }
  | { do: 'snapshot'; path: string }
  | { do: 'encrypt'; encryption: Encryption | undefined }
  | { do: 'room' }
  | { do: 'close' };

/** Said by the thread, unasked. */
export interface RoomNews {
  room: RoomState;
}

export type Answer =
  | { ok: true; bytes?: number; inUseBytes?: number; room?: RoomState }
  | { ok: false; code: string; message: string };
