import type { Node } from '../../api/generated/types/core-v1.ts';
import type { CSINode, CSINodeDriver } from '../../api/generated/types/storage-v1.ts';
import { ApiError } from '../../api/status.ts';
import { own, setOwn } from '../../base/own.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { NodeInfo } from '../../wire/csi/csi.ts';

/** Says which id each driver knows this node by. */
const nodeIdAnnotation = 'csi.volume.kubernetes.io/nodeid';
const mostConflicts = 10;
const mostTopologyKeys = 32;
const mostIdBytes = 256;
/** `count` is an int32. */
const mostVolumes = 0x7fffffff;

/** What the cluster knows of this node's drivers: Node (id, topology) and CSINode. */
export class DriverRecords {
  readonly #client: Client;
  readonly #name: string;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(client: Client, nodeName: string) {
    this.#client = client;
    this.#name = nodeName;
  }

  /** Writes what a driver says of this node. Throws what the driver is told. */
  async put(driver: string, info: NodeInfo): Promise<void> {
    const most = Number(info.maxVolumesPerNode);
    const segments = info.accessibleTopology?.segments ?? {};
    if (info.nodeId === '') throw new Error('the driver gave this node no id');
    if (Buffer.byteLength(info.nodeId) > mostIdBytes)
      throw new Error(`the driver's id of this node is longer than ${mostIdBytes} bytes`);
    if (Object.keys(segments).length > mostTopologyKeys)
      throw new Error(`the driver's topology has more than ${mostTopologyKeys} keys`);
    await this.#inTurn(async () => {
      const node = await this.#node();
      for (const [key, value] of Object.entries(segments)) {
        const has = own(node.metadata.labels, key);
        if (has !== undefined && has !== value)
          throw new Error(
            `detected topology value collision: driver reported ${key}=${value} but existing ` +
              `label is ${key}=${has}`,
          );
      }
      const ids = nodeIdsOf(node);
      if (own(ids, driver) !== info.nodeId) setOwn(ids, driver, info.nodeId);
      await this.#mark(node, ids, segments);
      await this.#drivers(node, driver, {
        name: driver,
        nodeID: info.nodeId,
        topologyKeys: Object.keys(segments).sort(),
        ...(most > 0 && { allocatable: { count: Math.min(most, mostVolumes) } }),
      });
    });
  }

  /** The driver is gone; its labels stay, for volumes that were made by them. */
  async remove(driver: string): Promise<void> {
    await this.#inTurn(async () => {
      const node = await this.#node();
      await this.#drivers(node, driver, undefined);
      const ids = nodeIdsOf(node);
      if (!Object.hasOwn(ids, driver)) return;
      delete ids[driver];
      await this.#mark(node, ids, {});
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work, work);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  #node(): Promise<Node> {
    return this.#client.get<Node>(refs.nodes, { name: this.#name });
  }

  async #mark(
    { metadata }: Node,
    ids: Record<string, unknown>,
    labels: Record<string, string>,
  ): Promise<void> {
    const text = Object.keys(ids).length > 0 ? JSON.stringify(ids) : null;
    const same =
      (metadata.annotations?.[nodeIdAnnotation] ?? null) === text &&
      Object.entries(labels).every(([key, value]) => own(metadata.labels, key) === value);
    if (same) return;
    const annotations = { [nodeIdAnnotation]: text };
    const body = { metadata: { annotations, labels: Object.fromEntries(Object.entries(labels)) } };
    await this.#client.patch(refs.nodes, { name: this.#name }, { type: 'merge', body });
  }

  /** Puts a driver into the CSINode in place of what was there of it, or takes it out. */
  async #drivers(node: Node, driver: string, now: CSINodeDriver | undefined): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#writeDrivers(node, driver, now);
      } catch (error) {
        const raced =
          error instanceof ApiError && ['Conflict', 'AlreadyExists'].includes(error.reason);
        if (!raced || tries >= mostConflicts) throw error;
      }
    }
  }

  async #writeDrivers(node: Node, driver: string, now: CSINodeDriver | undefined): Promise<void> {
    const there = await this.#client
      .get<CSINode>(refs.csiNodes, { name: this.#name })
      .catch((error: unknown) => {
        if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
        throw error;
      });
    const before = there?.spec.drivers ?? [];
    const others = before.filter(({ name }) => name !== driver);
    const old = before.find(({ name }) => name === driver);
    const same = now !== undefined && JSON.stringify(shown(old)) === JSON.stringify(shown(now));
    if (same || (!old && !now)) return;
    const spec = { drivers: [...others, ...(now ? [now] : [])] };
    if (there) {
      // What a driver says of itself cannot be changed in place but for its limit: out first.
      if (old && now && (old.nodeID !== now.nodeID || !sameKeys(old, now))) {
        const without = await this.#client.update<CSINode>(refs.csiNodes, {
          ...there,
          spec: { drivers: others },
        });
        await this.#client.update(refs.csiNodes, { ...without, spec });
        return;
      }
      await this.#client.update(refs.csiNodes, { ...there, spec });
      return;
    }
    const { name = '', uid = '' } = node.metadata;
    await this.#client.create(refs.csiNodes, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSINode',
      metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
      spec,
    });
  }
}

const sameKeys = (a: CSINodeDriver, b: CSINodeDriver): boolean =>
  JSON.stringify(a.topologyKeys ?? []) === JSON.stringify(b.topologyKeys ?? []);

const shown = (driver: CSINodeDriver | undefined): unknown[] => [
  driver?.nodeID,
  driver?.topologyKeys ?? [],
  driver?.allocatable?.count,
];

/** A name to id map; what somebody else made of the annotation is not kept. */
function nodeIdsOf({ metadata }: Node): Record<string, unknown> {
  try {
    const ids: unknown = JSON.parse(metadata.annotations?.[nodeIdAnnotation] ?? '{}');
    return ids !== null && typeof ids === 'object' && !Array.isArray(ids)
      ? (ids as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
