import type { Encryption } from '../cipher.ts';
import type { Batch } from '../journal.ts';
import type { LogFileOptions } from './log-file.ts';

/** What the writer thread is started with. The bell is rung (set to 1 and notified) after each question. */
export interface WriterData {
  options: LogFileOptions;
  bell: Int32Array<SharedArrayBuffer>;
}

/** What the store asks of the writer thread; each question gets one answer, in order. */
export type Question =
  | ({ do: 'commit' } & Batch)
  | { do: 'size' }
  | { do: 'defragment' }
  | { do: 'snapshot'; path: string }
  | { do: 'encrypt'; encryption: Encryption | undefined }
  | { do: 'close' };

export type Answer = { ok: true; bytes?: number; inUseBytes?: number } | { ok: false; code: string; message: string };
