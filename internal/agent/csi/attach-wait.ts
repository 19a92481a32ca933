import type { Node } from '../../api/generated/types/core-v1.ts';
import type { VolumeAttachment } from '../../api/generated/types/storage-v1.ts';
import { attachmentName, uniqueVolumeName } from '../../api/storage/attachments.ts';
import type { Client, Mirror } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Clock } from '../../io/clock.ts';
import type { VolumeData } from './places.ts';

/** A pod that waits longer is looked at again, so that its deletion is not held up. */
const waitMs = 10_000;

export interface AttachedVolumesOptions {
  client: Client;
  nodes: Pick<Mirror<Node>, 'get' | 'onChange'>;
  nodeName: string;
  clock: Clock;
  /** `inUse()` answers something else now: the Node's status is to say so. */
  changed(): void;
}

/** The volumes that pods of this node use and that are attached to it by the control plane. */
export class AttachedVolumes {
  readonly #users = new Map<string, Set<string>>();
  readonly #o: AttachedVolumesOptions;

  constructor(options: AttachedVolumesOptions) {
    this.#o = options;
  }

  /** Names for node.status.volumesInUse: what is named there is not detached. */
  inUse(): string[] {
    return [...new Set([...this.#users.values()].flatMap((names) => [...names]))].sort();
  }

  hold(uid: string, { driverName, volumeHandle }: VolumeData): void {
    const names = this.#users.get(uid) ?? new Set();
    this.#users.set(uid, names);
    const name = uniqueVolumeName(driverName, volumeHandle);
    if (names.has(name)) return;
    names.add(name);
    this.#o.changed();
  }

  /** The pod has let go of everything. */
  release(uid: string): void {
    if (this.#users.delete(uid)) this.#o.changed();
  }

  /**
   * Waits until the volume is attached and the control plane knows that it is used here. Returns
   * what the driver's controller left for the node.
   */
  async wait(data: VolumeData): Promise<Record<string, string>> {
    const name = uniqueVolumeName(data.driverName, data.volumeHandle);
    if (!this.#isAttached(name)) await this.#change(name);
    const attachment = await this.#o.client.get<VolumeAttachment>(refs.volumeAttachments, {
      name: attachmentName(data.volumeHandle, data.driverName, this.#o.nodeName),
    });
    if (!attachment.status?.attached || attachment.metadata.deletionTimestamp)
      throw new Error(`volume ${data.volumeHandle} is not attached yet`);
    return attachment.status.attachmentMetadata ?? {};
  }

  #isAttached(name: string): boolean {
    const status = this.#o.nodes.get(this.#o.nodeName)?.status;
    return (
      status?.volumesInUse?.includes(name) === true &&
      status.volumesAttached?.some((one) => one.name === name) === true
    );
  }

  async #change(name: string): Promise<void> {
    let stop: () => void = () => undefined;
    const given = new AbortController();
    await new Promise<void>((resolve, reject) => {
      stop = this.#o.nodes.onChange(() => this.#isAttached(name) && resolve());
      void this.#o.clock
        .sleep('csi.attach', waitMs, given.signal)
        .then(() => reject(new Error(`timed out waiting for the volume to be attached: ${name}`)));
    }).finally(() => {
      stop();
      given.abort();
    });
  }
}
