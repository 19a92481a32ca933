import type { Random } from '../../internal/io/random.ts';
import type { Batch, Journal } from '../../internal/store/journal.ts';
import { StoreError } from '../../internal/store/errors.ts';
import { recover, type Recovered } from '../../internal/store/recovery.ts';
import { MemoryJournal } from '../../internal/store/testing/memory-journal.ts';
import type { ProcessClock } from './process-clock.ts';

/** The disk of the server: what was synced stays, whatever happens to the process. */
export class ServerDisk {
  #rows = new Map<number, Buffer>();
  /** How long a sync takes. */
  syncMs = 2;
  /** So many of the next commits fail. */
  failures = 0;

  /** Opens what lies there, for a process that begins. */
  open(clock: ProcessClock, random: Random): { recovered: Recovered; journal: Journal & Ending } {
    const lying = new MemoryJournal(this.#rows);
    const { recovered, census } = recover(lying.log(), clock);
    this.#rows = new Map(lying.log());
    const journal = new SyncedJournal({ disk: this, clock, random }, this.#rows, census);
    return { recovered, journal };
  }
}

export interface Ending {
  /** The process ends now: what was on its way to the disk is there, or it is not. */
  end(): void;
}

class SyncedJournal extends MemoryJournal implements Ending {
  readonly #o: { disk: ServerDisk; clock: ProcessClock; random: Random };
  #inFlight: Batch | undefined;

  constructor(
    options: { disk: ServerDisk; clock: ProcessClock; random: Random },
    ...memory: ConstructorParameters<typeof MemoryJournal>
  ) {
    super(...memory);
    this.#o = options;
  }

  override async commit(batch: Batch): Promise<void> {
    const { disk, clock } = this.#o;
    this.#inFlight = batch;
    await clock.sleep('disk.sync', disk.syncMs);
    this.#inFlight = undefined;
    if (disk.failures > 0) {
      disk.failures -= 1;
      throw new StoreError('UNAVAILABLE', 'the disk failed');
    }
    await super.commit(batch);
  }

  end(): void {
    const batch = this.#inFlight;
    if (batch && this.#o.random.int(2) === 0) void super.commit(batch);
  }
}
