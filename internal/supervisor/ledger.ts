import { dirname } from 'node:path';
import type { Disk } from '../io/disk.ts';

/**
 * What can be changed on a machine, and how each is named:
 * `file`, `dir` and `link-file` by path; `nft-table` as `family name`; `link` by device; `address`
 * as `device cidr`; `route` as `cidr via address`;
 * `sysctl` as `path=value before`; `mount` by mount point; `cgroup` by its path below each
 * hierarchy; `unit` by name; `package` by name (reported, never removed: other software may have
 * come to need it).
 */
export type Kind =
  | 'file'
  | 'dir'
  | 'link-file'
  | 'nft-table'
  | 'link'
  | 'address'
  | 'route'
  | 'sysctl'
  | 'mount'
  | 'cgroup'
  | 'unit'
  | 'package';

export interface Entry {
  kind: Kind;
  name: string;
}

/** The notes of every change to the machine, each written and synced before the change is made. */
export class Ledger {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #known = new Set<string>();
  #tail: Promise<void> = Promise.resolve();
  #text = '';

  private constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  static async open(disk: Disk, path: string): Promise<Ledger> {
    const ledger = new Ledger(disk, path);
    for (const entry of await readLedger(disk, path)) ledger.#add(entry);
    return ledger;
  }

  /**
   * Notes a change to come. Resolves when the note is safe; at once when it stood there already.
   */
  record(kind: Kind, name: string): Promise<void> {
    // Of a sysctl only the first value counts: it is the one that was there before us.
    if (this.#known.has(keyOf({ kind, name }))) return this.#tail;
    this.#add({ kind, name });
    this.#tail = this.#tail.then(async () => {
      await this.#disk.makeDir('ledger', dirname(this.#path), 0o755);
      await this.#disk.writeAtomic('ledger', this.#path, this.#text, { mode: 0o600 });
    });
    return this.#tail;
  }

  #add(entry: Entry): void {
    const key = keyOf(entry);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#text += `${JSON.stringify(entry)}\n`;
  }
}

/** The entries in the order of their making; a line that cannot be read is skipped. */
export async function readLedger(disk: Disk, path: string): Promise<Entry[]> {
  const bytes = await disk.readIfThere('ledger', path);
  const entries: Entry[] = [];
  for (const line of bytes?.toString().split('\n') ?? []) {
    try {
      const entry = JSON.parse(line) as Entry;
      if (typeof entry.kind === 'string' && typeof entry.name === 'string') entries.push(entry);
    } catch {
      // the shell script that installs writes here too, and a power cut may have torn a line
      continue;
    }
  }
  return entries;
}

function keyOf(entry: Entry): string {
  return `${entry.kind} ${entry.kind === 'sysctl' ? entry.name.split('=')[0] : entry.name}`;
}

export function ledgerPath(dataDir: string): string {
  return `${dataDir}/ledger`;
}
