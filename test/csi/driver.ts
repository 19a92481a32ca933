import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Server, ServerCredentials, status, type handleUnaryCall } from '@grpc/grpc-js';
import { decode, encode, services } from './facts.ts';
import { isMounted, KeptVolumes, run, unmount, usageOf, type Kept } from './volumes.ts';

/**
 * A small driver of the Container Storage Interface: volumes are folders, or files behind loop
 * devices. It registers itself where it is told a registry. Every call goes to `<state>/calls.log`.
 */
const { values: flags } = parseArgs({
  options: {
    endpoint: { type: 'string' },
    state: { type: 'string' },
    name: { type: 'string', default: 'folders.csi.test' },
    'node-id': { type: 'string', default: 'node1' },
    registry: { type: 'string' },
    topology: { type: 'string' },
    'max-volumes': { type: 'string', default: '0' },
  },
});
const { endpoint = '', state = '', name, registry } = flags;
const kept = new KeptVolumes(join(state, 'volumes'));
const defaultBytes = 64 * 1024 * 1024;
const mostBytes = 1024 ** 4;
const segments = Object.fromEntries(
  flags.topology === undefined ? [] : [flags.topology.split('=') as [string, string]],
);
const topology = flags.topology === undefined ? undefined : { segments };

interface Capability {
  block?: object;
  mount?: { mountFlags: string[] };
  accessMode?: { mode: number };
}
interface Asked {
  name: string;
  volumeId: string;
  nodeId: string;
  stagingTargetPath: string;
  targetPath: string;
  volumePath: string;
  readonly: boolean;
  capacityRange?: { requiredBytes: number; limitBytes: number } | null;
  volumeCapability?: Capability | null;
  volumeCapabilities: Capability[];
  volumeContext: Record<string, string>;
  maxEntries: number;
  startingToken: string;
}

class Refused extends Error {
  readonly code: number;
  constructor(code: keyof typeof status, message: string) {
    super(message);
    this.code = status[code] as number;
  }
}
/** Each of these must be said. */
function need(asked: Asked, ...fields: (keyof Asked)[]): void {
  for (const field of fields) {
    const value = asked[field];
    if (
      value === undefined ||
      value === null ||
      value === '' ||
      (Array.isArray(value) && value.length === 0)
    )
      throw new Refused('INVALID_ARGUMENT', `${field} is missing`);
  }
}
function volumeOf(asked: Asked, ...fields: (keyof Asked)[]): Kept {
  need(asked, 'volumeId', ...fields);
  const volume = kept.get(asked.volumeId);
  if (!volume) throw new Refused('NOT_FOUND', `no volume ${asked.volumeId}`);
  return volume;
}
const shown = (volume: Kept): object => ({
  volumeId: volume.id,
  capacityBytes: volume.bytes,
  volumeContext: { kind: volume.block ? 'loop' : 'folder' },
  ...(topology && { accessibleTopology: [topology] }),
});
const typed = (...types: number[]): object[] => types.map((type) => ({ rpc: { type } }));

function grow(asked: Asked, volume: Kept): number {
  const { requiredBytes = 0, limitBytes = 0 } = asked.capacityRange ?? {};
  if (requiredBytes > mostBytes || (limitBytes > 0 && requiredBytes > limitBytes))
    throw new Refused('OUT_OF_RANGE', `no volume of ${requiredBytes} bytes`);
  if (requiredBytes > volume.bytes) kept.save({ ...volume, bytes: requiredBytes });
  return Math.max(requiredBytes, volume.bytes);
}

function bind(from: string, to: string, readonly: boolean): void {
  if (isMounted(to)) return;
  run('mount', '--bind', from, to);
  if (readonly) run('mount', '-o', 'remount,bind,ro', to);
}

const calls: Record<string, (asked: Asked) => object> = {
  GetPluginInfo: () => ({ name, vendorVersion: '1.0.0' }),
  GetPluginCapabilities: () => ({
    capabilities: [
      { service: { type: 1 } },
      ...(topology ? [{ service: { type: 2 } }] : []),
      { volumeExpansion: { type: 1 } },
    ],
  }),
  Probe: () => ({ ready: { value: true } }),
  ControllerGetCapabilities: () => ({ capabilities: typed(1, 2, 3, 9) }),
  CreateVolume(asked) {
    need(asked, 'name', 'volumeCapabilities');
    const block = asked.volumeCapabilities.some((one) => one.block);
    const there = kept.list().find((one) => one.name === asked.name);
    const { requiredBytes = 0, limitBytes = 0 } = asked.capacityRange ?? {};
    if (there) {
      const fits = there.bytes >= requiredBytes && (!limitBytes || there.bytes <= limitBytes);
      if (!fits) throw new Refused('ALREADY_EXISTS', `${asked.name} has another size`);
      return { volume: shown(there) };
    }
    if (requiredBytes > mostBytes)
      throw new Refused('OUT_OF_RANGE', `no volume of ${requiredBytes} bytes`);
    const bytes = requiredBytes || limitBytes || defaultBytes;
    const volume = { id: randomUUID(), name: asked.name, bytes, block, nodes: [] };
    kept.save(volume);
    return { volume: shown(volume) };
  },
  DeleteVolume(asked) {
    need(asked, 'volumeId');
    const volume = kept.get(asked.volumeId);
    if (volume && volume.nodes.length > 0)
      throw new Refused('FAILED_PRECONDITION', `attached to ${volume.nodes.join(', ')}`);
    if (volume) kept.remove(volume);
    return {};
  },
  ControllerPublishVolume(asked) {
    need(asked, 'nodeId', 'volumeCapability');
    const volume = volumeOf(asked);
    if (asked.nodeId !== flags['node-id'])
      throw new Refused('NOT_FOUND', `no node ${asked.nodeId}`);
    kept.save({ ...volume, nodes: [...new Set([...volume.nodes, asked.nodeId])] });
    return { publishContext: { attachedTo: asked.nodeId } };
  },
  ControllerUnpublishVolume(asked) {
    need(asked, 'volumeId');
    const volume = kept.get(asked.volumeId);
    if (volume) kept.save({ ...volume, nodes: volume.nodes.filter((n) => n !== asked.nodeId) });
    return {};
  },
  ValidateVolumeCapabilities(asked) {
    const volume = volumeOf(asked, 'volumeCapabilities');
    const { volumeCapabilities } = asked;
    if (volumeCapabilities.some((one) => Boolean(one.block) !== volume.block))
      return { message: 'folders and devices are two things' };
    return { confirmed: { volumeCapabilities } };
  },
  ListVolumes({ maxEntries, startingToken }) {
    const all = kept.list();
    const from = startingToken === '' ? 0 : Number(startingToken);
    if (!(from >= 0 && from <= all.length)) throw new Refused('ABORTED', 'no such token');
    const to = maxEntries > 0 ? Math.min(all.length, from + maxEntries) : all.length;
    const entries = all.slice(from, to).map((volume) => ({ volume: shown(volume) }));
    return { entries, nextToken: to < all.length ? String(to) : '' };
  },
  ControllerExpandVolume(asked) {
    const volume = volumeOf(asked, 'capacityRange');
    return { capacityBytes: grow(asked, volume), nodeExpansionRequired: true };
  },
  NodeGetInfo: () => ({
    nodeId: flags['node-id'],
    maxVolumesPerNode: Number(flags['max-volumes']),
    ...(topology && { accessibleTopology: topology }),
  }),
  NodeGetCapabilities: () => ({ capabilities: typed(1, 2, 3) }),
  NodeStageVolume(asked) {
    need(asked, 'stagingTargetPath', 'volumeCapability');
    const volume = volumeOf(asked);
    if (volume.block) kept.attach(volume);
    else bind(kept.data(volume), asked.stagingTargetPath, false);
    return {};
  },
  NodeUnstageVolume(asked) {
    need(asked, 'volumeId', 'stagingTargetPath');
    const volume = kept.get(asked.volumeId);
    if (!volume) throw new Refused('NOT_FOUND', `no volume ${asked.volumeId}`);
    unmount(asked.stagingTargetPath);
    if (volume.block) kept.detach(volume);
    return {};
  },
  NodePublishVolume(asked) {
    need(asked, 'volumeId', 'targetPath', 'volumeCapability');
    const { targetPath, volumeContext } = asked;
    writeFileSync(join(state, 'context.json'), JSON.stringify(volumeContext));
    if (volumeContext['csi.storage.k8s.io/ephemeral'] === 'true' && !kept.get(asked.volumeId))
      kept.save({ id: asked.volumeId, name: '', bytes: defaultBytes, block: false, nodes: [] });
    const volume = volumeOf(asked);
    if (volume.block) {
      if (!existsSync(targetPath)) writeFileSync(targetPath, '');
      bind(kept.attach(volume), targetPath, false);
      return {};
    }
    mkdirSync(targetPath, { recursive: true });
    bind(asked.stagingTargetPath || kept.data(volume), targetPath, asked.readonly);
    return {};
  },
  NodeUnpublishVolume(asked) {
    need(asked, 'volumeId', 'targetPath');
    const volume = kept.get(asked.volumeId);
    if (!volume) throw new Refused('NOT_FOUND', `no volume ${asked.volumeId}`);
    unmount(asked.targetPath);
    if (volume.block) rmSync(asked.targetPath, { force: true });
    else if (existsSync(asked.targetPath)) rmdirSync(asked.targetPath);
    if (volume.name === '') kept.remove(volume);
    return {};
  },
  NodeGetVolumeStats(asked) {
    const volume = volumeOf(asked, 'volumePath');
    if (!existsSync(asked.volumePath)) throw new Refused('NOT_FOUND', `no ${asked.volumePath}`);
    const { available, inodes } = usageOf(asked.volumePath);
    const bytes = { total: volume.bytes, available: Math.min(available, volume.bytes), unit: 1 };
    return { usage: [bytes, { total: inodes, available: inodes, unit: 2 }] };
  },
  NodeExpandVolume(asked) {
    const volume = volumeOf(asked, 'volumePath');
    if (!existsSync(asked.volumePath)) throw new Refused('NOT_FOUND', `no ${asked.volumePath}`);
    const bytes = grow(asked, volume);
    const device = volume.block ? kept.device(volume) : undefined;
    if (device) run('losetup', '-c', device);
    return { capacityBytes: bytes };
  },
  GetInfo: () => ({
    type: 'CSIPlugin',
    name,
    endpoint: realpathSync(endpoint),
    supportedVersions: ['1.0.0'],
  }),
  NotifyRegistrationStatus(asked) {
    writeFileSync(join(state, 'registered.json'), JSON.stringify(asked));
    return {};
  },
};

function answering(call: string): handleUnaryCall<Asked, object> {
  return ({ request }, done) => {
    const said = (what: string): void =>
      appendFileSync(join(state, 'calls.log'), `${call} ${request.volumeId ?? ''}${what}\n`);
    try {
      done(null, calls[call]!(request));
      said('');
    } catch (error) {
      const code = error instanceof Refused ? error.code : status.INTERNAL;
      said(` failed: ${String(error)}`);
      done({ code, details: String(error) });
    }
  };
}

async function serve(path: string, names: string[]): Promise<Server> {
  const server = new Server();
  for (const service of names)
    for (const [call, [request, answer]] of Object.entries(services[service]!))
      server.register(
        `/${service}/${call}`,
        answering(call),
        (value: object) => encode(answer, value),
        (bytes: Buffer) => decode<Asked>(request, bytes),
        'unary',
      );
  rmSync(path, { force: true });
  mkdirSync(dirname(path), { recursive: true });
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return server;
}

await serve(endpoint, ['csi.v1.Identity', 'csi.v1.Controller', 'csi.v1.Node']);
const own = registry === undefined ? undefined : join(registry, `${name}-reg.sock`);
if (own !== undefined) await serve(own, ['pluginregistration.Registration']);
process.on('SIGTERM', () => {
  if (own !== undefined) rmSync(own, { force: true });
  process.exit(0);
});
