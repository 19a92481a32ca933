import type { KubeObject } from '../../api/object.ts';
import type { Call } from './call.ts';
import type { Allocations } from './allocations.ts';

/** Kinds that need more than their own object on a write: Services take addresses, for instance. */
export interface WriteHook {
  /** Before validation; may change the object. Returns what to undo when the write fails. */
  beginCreate?(call: Call, object: KubeObject): Promise<Undo | undefined> | Undo | undefined;
  beginUpdate?(
    call: Call,
    object: KubeObject,
    old: KubeObject,
  ): Promise<Undo | undefined> | Undo | undefined;
  /**
   * What the write from `before` to `now` takes and gives back; nothing where no other server can
   * take it.
   */
  allocations?(
    now: KubeObject | undefined,
    before: KubeObject | undefined,
  ): Allocations | undefined;
  /** The allocation belonged to another object: the write is retried. */
  taken?(keys: string[]): void;
  afterCreate?(call: Call, object: KubeObject): Promise<void> | void;
  afterUpdate?(call: Call, object: KubeObject, old: KubeObject): Promise<void> | void;
  afterDelete?(call: Call, object: KubeObject): Promise<void> | void;
}

export type Undo = () => void;

export class WriteHooks {
  readonly #byResource = new Map<string, WriteHook>();

  add(group: string, resource: string, hook: WriteHook): void {
    this.#byResource.set(`${group}/${resource}`, hook);
  }

  of(call: Call): WriteHook | undefined {
    return this.#byResource.get(`${call.resource.group}/${call.resource.resource}`);
  }
}
