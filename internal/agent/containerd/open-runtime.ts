import { dirname } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { connectRuntime, type CallObserver, type Runtime } from '../cri/client.ts';
import { ImageImporter } from '../images/import-images.ts';
import type { ImageName } from '../images/image-name.ts';
import type { Log } from '../../io/log.ts';
import type { AgentOptions } from '../options.ts';
import {
  hostsFiles,
  parseRegistries,
  registryCredentials,
  rewrittenNames,
  type Registries,
} from './registries.ts';
import { RuntimeHealth } from './health.ts';
import { Settling } from './settling.ts';
import { withoutTornResults } from './torn-results.ts';
import { superviseContainerd, type SupervisedContainerd } from './supervise.ts';

export interface OpenedRuntime extends Runtime {
  ctr: string[];
  /** Names of images that came from archives. */
  pinned(): Set<string>;
  /**
   * Names under which mirrors of registries.yaml have this image, where they have it under others.
   */
  mirrorNames(image: ImageName): string[];
  readonly health: RuntimeHealth;
  /** It answers, all that runs is known to it, and its images are there: pods may be started. */
  readonly settled: boolean;
  /** The connection was lost. */
  lost(): void;
  /** The connection is established again: resolves when all is settled. */
  found(): Promise<void>;
  leave(): void;
  /** Imports the archive again that an image came from; false when it came from none. */
  restoreImage(name: string): Promise<boolean>;
}

/** As for the images of pods. */
const listedPullTimeoutMs = 3_600_000;

/** Where packages put CNI plug-ins: Debian, then upstream's own place, then Alpine and Arch. */
export const cniBinDirs = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];

/**
 * The runtime that pods will run in: ours, or one that was named. Its pause image and the archives
 * of the node are in.
 */
export async function openRuntime(
  options: AgentOptions & { imageFailed?(file: string, message: string): void },
  on: { tell(reason: string, message: string): void; changed(): void },
): Promise<OpenedRuntime> {
  const { disk, clock, spawn, log, agentDir } = options;
  const registries = parseRegistries(options.registries, (what) =>
    log.warn('left out of registries.yaml', { what }),
  );
  await writeRegistries(options, registries);
  const supervised =
    options.runtimeEndpoint === undefined
      ? await supervise(options, registries, on.tell)
      : given(options.runtimeEndpoint, log.named('cri'), callsOf(options));
  if (options.runtimeEndpoint !== undefined && options.registries)
    log.warn(
      'registries.yaml does not reach a container runtime of somebody else: its mirrors and ' +
        "credentials are that one's",
      {},
    );
  const { runtime, ctr } = supervised;
  const isThere = async (image: string): Promise<boolean> =>
    (await runtime.cri.imageStatus({ image: { image } })).image !== undefined;
  const pull = async (image: string): Promise<void> =>
    void (await runtime.cri.pullImage({ image: { image } }, { timeoutMs: listedPullTimeoutMs }));
  const importer = new ImageImporter({
    imagesDir: `${agentDir}/images`,
    indexFile: `${agentDir}/images.json`,
    ctr,
    isThere,
    pull,
    failed: options.imageFailed,
    clock,
    disk,
    spawn,
    log: log.named('images'),
  });
  const withPause = async (): Promise<void> => {
    if (!(await isThere(options.pauseImage)))
      await importer.importBytes(await options.pauseArchive());
  };
  await withPause();
  // Archives of gigabytes must not hold up the node; a pod that needs one of them waits for its
  // image.
  void importer
    .start()
    .catch((error: unknown) =>
      log.warn('image archives are not watched', { error: messageOf(error) }),
    );
  const health = new RuntimeHealth({
    clock,
    log,
    ask: (timeoutMs) => runtime.cri.version({}, { timeoutMs }),
    changed: on.changed,
    isStopped: () => supervised.isStopped(),
    hung: () => supervised.killHung(),
  });
  const settling = new Settling({
    clock,
    log,
    work: async () => {
      await supervised.settle();
      await withPause();
      // What came from archives may be gone with the rest.
      void importer
        .again()
        .catch((error: unknown) =>
          log.warn('image archives are not imported', { error: messageOf(error) }),
        );
    },
  });
  return {
    ...runtime,
    cri: withoutTornResults(runtime.cri, { disk, log: log.named('containerd') }),
    ctr,
    health,
    get settled() {
      return settling.done;
    },
    // Only our containerd has the mirrors configured.
    mirrorNames: (image) =>
      options.runtimeEndpoint === undefined ? rewrittenNames(registries, image) : [],
    pinned: () => importer.names().add(options.pauseImage),
    restoreImage: (name) => importer.restore(name),
    lost: () => {
      settling.undo();
      supervised.check();
      health.check();
    },
    found: () => settling.settle(),
    leave: () => {
      settling.stop();
      health.stop();
      importer.stop();
      supervised.leave();
      runtime.close();
    },
  };
}

async function supervise(
  options: AgentOptions,
  registries: Registries,
  tell: (reason: string, message: string) => void,
): Promise<SupervisedContainerd> {
  const { disk } = options;
  let cniBinDir = options.cniBinDir ?? cniBinDirs[0]!;
  if (!options.cniBinDir)
    for (const dir of [...cniBinDirs, `${dirname(options.agentDir)}/airgap/cni`].toReversed())
      if (await disk.stat('cni.bin', `${dir}/ptp`)) cniBinDir = dir;
  return superviseContainerd({
    ...options,
    cniBinDir,
    snapshotter: options.snapshotter ?? 'overlayfs',
    credentials: registryCredentials(registries),
    handlers: { 'test-handler': undefined },
    tell,
    log: options.log.named('containerd'),
    called: callsOf(options),
  });
}

const callsOf =
  ({ metrics }: AgentOptions): CallObserver =>
  (name, tookMs, failed) =>
    metrics?.called(name, tookMs, failed);

function given(endpoint: string, log: Log, called: CallObserver): SupervisedContainerd {
  const socket = endpoint.replace(/^unix:\/\//, '');
  return {
    socket,
    runtime: connectRuntime(endpoint, log, called),
    ctr: ['ctr', '--address', socket, '--namespace', 'k8s.io'],
    check: () => undefined,
    settle: () => Promise.resolve(),
    isStopped: () => Promise.resolve(false),
    killHung: () => undefined,
    leave: () => undefined,
  };
}

async function writeRegistries(options: AgentOptions, registries: Registries): Promise<void> {
  const certsDir = `${options.agentDir}/etc/containerd/certs.d`;
  const files = hostsFiles(registries);
  for (const old of await options.disk.list('registries', certsDir))
    if (!files.has(old)) await options.disk.remove('registries', `${certsDir}/${old}`);
  for (const [host, text] of files) {
    await options.disk.makeDir('registries', `${certsDir}/${host}`);
    await options.disk.writeAtomic('registries', `${certsDir}/${host}/hosts.toml`, text, {
      mode: 0o600,
    });
  }
}
