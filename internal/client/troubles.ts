/**
 * What is wrong with a node that goes on without it: each is a condition of the Node while it
 * lasts.
 */
export const troubleTypes = [
  'PortTaken',
  'ClockWrong',
  'AddressMissing',
  'TunnelMissing',
  'IngressDown',
  'GatewayPortDown',
  'DatastoreFull',
  'DatastoreReadOnly',
  'ReadonlyFilesystem',
] as const;
export type TroubleType = (typeof troubleTypes)[number];

export interface Trouble {
  type: TroubleType;
  message: string;
}

/** The troubles of this node. Several parts may have one of the same type; each names itself. */
export class Troubles {
  readonly #all = new Map<string, Trouble>();
  readonly #listeners = new Set<(begun: Trouble | undefined) => void>();

  /** Begins, changes, or without a message ends the trouble of a part. */
  set(type: TroubleType, part: string, message: string | undefined): void {
    const key = `${type} ${part}`;
    if (this.#all.get(key)?.message === message) return;
    if (message === undefined) this.#all.delete(key);
    else this.#all.set(key, { type, message });
    const begun = message === undefined ? undefined : { type, message };
    for (const listener of [...this.#listeners]) listener(begun);
  }

  /** One for each type that there is, with the messages of all its parts. */
  list(): Trouble[] {
    return troubleTypes.flatMap((type) => {
      const messages = [...this.#all.values()]
        .filter((trouble) => trouble.type === type)
        .map(({ message }) => message);
      return messages.length > 0 ? [{ type, message: messages.join('; ') }] : [];
    });
  }

  /** Calls `fn` after each change, with what began. */
  onChange(fn: (begun: Trouble | undefined) => void): () => void {
    this.#listeners.add(fn);
    return () => void this.#listeners.delete(fn);
  }
}
