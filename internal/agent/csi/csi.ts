import type { Node } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Client, Mirror } from '../../client/client.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { VolumeDoors } from '../volumes/pod-volume.ts';
import { AttachedVolumes } from './attach-wait.ts';
import { CsiVolumes } from './csi-volumes.ts';
import { connectDriver, type Connect } from './driver.ts';
import { Drivers } from './drivers.ts';
import { DriverRecords } from './node-info.ts';
import { PluginWatch } from './plugin-watch.ts';

export interface CsiOptions {
  kubeletDir: string;
  nodeName: string;
  client: Client;
  nodes: Pick<Mirror<Node>, 'get' | 'onChange'>;
  doors: VolumeDoors;
  clock: Clock;
  log: Log;
  /** The volumes in use are others now. */
  changed(): void;
  /** Default: the real sockets. */
  connect?: Connect;
}

export interface Csi {
  volumes: CsiVolumes;
  /** For node.status.volumesInUse. */
  inUse(): string[];
  /** A driver has come: what an earlier life left of it can be taken back now. */
  onDriver(come: () => void): void;
  stop(): void;
}

/** Storage drivers of this node: who is registered, and the volumes they make stand. */
export async function startCsi(options: CsiOptions): Promise<Csi> {
  const { client, nodeName, nodes, kubeletDir, clock, doors } = options;
  const log = options.log.named('csi');
  const drivers = new Drivers();
  const attached = new AttachedVolumes(options);
  const volumes = new CsiVolumes({ ...options, drivers, attached });
  const watch = new PluginWatch({
    kubeletDir,
    connect: options.connect ?? connectDriver,
    drivers,
    records: new DriverRecords(client, nodeName),
    disk: doors.disk,
    clock,
    log,
  });
  try {
    await volumes.load();
    await watch.start();
  } catch (error) {
    // A disk that takes nothing is no reason to run no pods.
    log.warn('no driver can register', { error: messageOf(error) });
  }
  // A Node that was deleted comes back as another one, which knows no driver.
  let uid = '';
  const stopNodes = nodes.onChange(({ type, object: { metadata } }) => {
    if (metadata.name !== nodeName || type === 'DELETED') return;
    if (uid !== '' && metadata.uid !== uid) watch.announceAll();
    uid = metadata.uid ?? '';
  });
  return {
    volumes,
    inUse: () => attached.inUse(),
    onDriver: (come) => drivers.onAdded(come),
    stop: () => {
      stopNodes();
      watch.stop();
      drivers.close();
    },
  };
}
