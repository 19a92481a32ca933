import type { Encryption } from '../cipher.ts';
import type { Batch } from '../journal.ts';

/** What the store asks of the writer thread; each question gets one answer, in order. */
export type Question =
  | ({ do: 'commit' } & Batch)
  | { do: 'size' }
  | { do: 'defragment' }
  | { do: 'snapshot'; path: string }
  | { do: 'encrypt'; encryption: Encryption | undefined }
  | { do: 'close' };

export type Answer = { ok: true; bytes?: number; inUseBytes?: number } | { ok: false; code: string; message: string };
