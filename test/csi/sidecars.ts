import { join } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { Client, credentials } from '@grpc/grpc-js';
import { decode, encode, services } from './facts.ts';

/** What the test drives its cluster by. */
interface Kubectl {
  kubeconfig: string;
  k(...args: string[]): string;
  apply(yaml: string): string;
}

interface Listed {
  kind: string;
  /** Of a class. */
  reclaimPolicy?: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    deletionTimestamp?: string;
    annotations?: Record<string, string>;
  };
  spec: {
    attacher: string;
    nodeName: string;
    source: { persistentVolumeName?: string };
    volumeMode?: string;
    volumeName?: string;
    storageClassName: string;
    accessModes: string[];
    resources: { requests: { storage: string } };
    capacity: { storage: string };
    persistentVolumeReclaimPolicy: string;
    csi?: { driver: string; volumeHandle: string };
    claimRef: { namespace: string; name: string };
  };
  status?: { phase?: string; attached?: boolean; capacity?: { storage: string } };
}

const finalizer = 'external-attacher/test';
const mebibytes = (text: string): number => Number(text.replace(/Mi$/, '')) * 1024 * 1024;

/** Plays the driver's provisioner, attacher and resizer: one look at the cluster at a time. */
export class PlayedSidecars {
  readonly #cluster: Kubectl;
  readonly #driver: string;
  readonly #client: Client;
  #policies = new Map<string, string>();
  /** Made for a claim, and not known to the cluster yet: by the claim's uid. */
  readonly #unknown = new Map<string, string>();

  constructor(cluster: Kubectl, driver: string, socket: string) {
    this.#cluster = cluster;
    this.#driver = driver;
    // The driver's machine may be away for a while.
    const options = { 'grpc.max_reconnect_backoff_ms': 500 };
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure(), options);
  }

  call<T>(name: string, asked: object): Promise<T> {
    const [request, answer] = services['csi.v1.Controller']![name]!;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `/csi.v1.Controller/${name}`,
        (value: object) => encode(request, value),
        (bytes: Buffer) => decode<object>(answer, bytes),
        asked,
        (error, value) => (error ? reject(error) : resolve(value as T)),
      );
    });
  }

  /** Does what is to be done now. */
  async pass(): Promise<void> {
    const text = this.#cluster.k('get', 'pvc,pv,volumeattachments,sc', '-A', '-o', 'json');
    const all = (JSON.parse(text) as { items: Listed[] }).items;
    const items = all.filter(({ kind }) => kind !== 'StorageClass');
    this.#policies = new Map(
      all
        .filter(({ kind }) => kind === 'StorageClass')
        .map(({ metadata, reclaimPolicy = 'Delete' }) => [metadata.name, reclaimPolicy]),
    );
    const volumes = items.filter(({ kind }) => kind === 'PersistentVolume');
    for (const [uid, volumeId] of this.#unknown) {
      const shown = volumes.some(({ metadata }) => metadata.name === `pvc-${uid}`);
      if (!shown && items.some(({ metadata }) => metadata.uid === uid)) continue;
      if (!shown) await this.call('DeleteVolume', { volumeId });
      this.#unknown.delete(uid);
    }
    for (const one of items)
      if (one.kind === 'PersistentVolumeClaim') await this.#claim(one, volumes);
      else if (one.kind === 'VolumeAttachment') await this.#attachment(one, volumes);
    for (const { metadata, spec, status } of volumes)
      if (
        spec.csi?.driver === this.#driver &&
        status?.phase === 'Released' &&
        spec.persistentVolumeReclaimPolicy === 'Delete' &&
        !items.some((one) => one.spec.source?.persistentVolumeName === metadata.name)
      ) {
        await this.call('DeleteVolume', { volumeId: spec.csi.volumeHandle });
        this.#cluster.k('delete', 'pv', metadata.name);
      }
  }

  async #claim({ metadata, spec, status }: Listed, volumes: Listed[]): Promise<void> {
    const { name, namespace, uid, annotations } = metadata;
    const capability = {
      ...(spec.volumeMode === 'Block' ? { block: {} } : { mount: {} }),
      accessMode: { mode: 1 },
    };
    if (!spec.volumeName) {
      const wanted = annotations?.['volume.kubernetes.io/storage-provisioner'] === this.#driver;
      if (!wanted || volumes.some((one) => one.metadata.name === `pvc-${uid}`)) return;
      const requiredBytes = mebibytes(spec.resources.requests.storage);
      const { volume } = await this.call<{ volume: { volumeId: string } }>('CreateVolume', {
        name: `pvc-${uid}`,
        capacityRange: { requiredBytes },
        volumeCapabilities: [capability],
      });
      const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid };
      const made = {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: {
          name: `pvc-${uid}`,
          annotations: { 'pv.kubernetes.io/provisioned-by': this.#driver },
        },
        spec: {
          capacity: { storage: spec.resources.requests.storage },
          accessModes: spec.accessModes,
          storageClassName: spec.storageClassName,
          volumeMode: spec.volumeMode,
          persistentVolumeReclaimPolicy: this.#policies.get(spec.storageClassName),
          claimRef,
          csi: { driver: this.#driver, volumeHandle: volume.volumeId },
        },
      };
      this.#unknown.set(uid, volume.volumeId);
      this.#cluster.apply(JSON.stringify(made));
      this.#unknown.delete(uid);
      return;
    }
    const volume = volumes.find((one) => one.metadata.name === spec.volumeName);
    const asked = spec.resources.requests.storage;
    if (volume?.spec.csi?.driver !== this.#driver || status?.phase !== 'Bound') return;
    if (mebibytes(asked) <= mebibytes(volume.spec.capacity.storage)) return;
    await this.call('ControllerExpandVolume', {
      volumeId: volume.spec.csi.volumeHandle,
      capacityRange: { requiredBytes: mebibytes(asked) },
      volumeCapability: capability,
    });
    const size = JSON.stringify({ spec: { capacity: { storage: asked } } });
    this.#cluster.k('patch', 'pv', volume.metadata.name, '--type=merge', '-p', size);
  }

  async #attachment({ metadata, spec }: Listed, volumes: Listed[]): Promise<void> {
    if (spec.attacher !== this.#driver) return;
    const patch = (body: object, ...more: string[]): string =>
      this.#cluster.k(
        ...['patch', 'volumeattachment', metadata.name, '--type=merge'],
        ...['-p', JSON.stringify(body), ...more],
      );
    const volume = volumes.find((one) => one.metadata.name === spec.source.persistentVolumeName);
    const asked = { volumeId: volume?.spec.csi?.volumeHandle ?? '', nodeId: spec.nodeName };
    if (metadata.deletionTimestamp) {
      await this.call('ControllerUnpublishVolume', asked);
      patch({ metadata: { finalizers: null } });
      return;
    }
    const volumeCapability = { mount: {}, accessMode: { mode: 1 } };
    const { publishContext } = await this.call<{ publishContext: object }>(
      'ControllerPublishVolume',
      { ...asked, volumeCapability },
    );
    patch({ metadata: { finalizers: [finalizer] } });
    patch(
      { status: { attached: true, attachmentMetadata: publishContext } },
      '--subresource=status',
    );
  }
}

/** The real ones, where a folder holds them: csi-provisioner, csi-attacher, csi-resizer. */
export function startSidecars(
  folder: string,
  { kubeconfig, socket, logs }: { kubeconfig: string; socket: string; logs: string },
): ChildProcess[] {
  return ['csi-provisioner', 'csi-attacher', 'csi-resizer'].map((name) => {
    const log = openSync(join(logs, `${name}.log`), 'a');
    return spawn(
      join(folder, name),
      [`--kubeconfig=${kubeconfig}`, `--csi-address=${socket}`, '--v=4'],
      { stdio: ['ignore', log, log] },
    );
  });
}
