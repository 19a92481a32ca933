import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import type { HelmCall } from '../controllers/helm/calls.ts';
import type { HelmProgram } from '../controllers/helm/helm.ts';
import { issueCert, type Identity } from '../pki/certificate.ts';
import { kubeconfig } from '../pki/kubeconfig.ts';
import type { Doors } from './doors.ts';
import { findTool } from './find-tool.ts';

export interface HelmOptions {
  doors: Pick<Doors, 'clock' | 'disk' | 'processes' | 'random' | 'spawn' | 'log'>;
  dataDir: string;
  /** In memory: values of charts hold passwords, and a card wears. */
  runDir: string;
  /** Of the API, with its port. */
  address: string;
  serverCa: string;
  clientCa: Identity;
  /** What this process was started with; Helm gets the path and what says how to the internet. */
  environment: Record<string, string | undefined>;
}

const op = 'helm';
/** A chart of templates that make more of themselves must not take the machine's memory. */
const mostDataBytes = 1024 ** 3;
/** Where Go begins to clean up harder. */
const goMemory = '400MiB';
const mostFiles = 4096;
/** Of its last words. */
const mostSaid = 64 * 1024;
/** Longer than any run may take (calls.ts holds it to a day): it is the certificate's life. */
const credentialMs = 25 * 3600_000;
const deathMs = 5000;
const lookMs = 20;

/**
 * Runs Helm, one folder for each run, below `<runDir>/helm`. It acts as `system:helm-controller`,
 * an administrator as the Jobs of k3s are, by a certificate made for the run. What an earlier run
 * of this process left running is ended first: two of one release would work against each other.
 */
export async function helmProgram(options: HelmOptions): Promise<HelmProgram> {
  const { disk, random, spawn } = options.doors;
  const folders = join(options.runDir, 'helm');
  await endLeftovers(options, folders);
  const running = new Set<() => void>();
  let stopped = false;

  const start = async (program: string[], call: HelmCall, folder: string): Promise<Ended> => {
    const child = spawn.start(op, [...program, ...call.args], {
      cwd: folder,
      env: environmentOf(options, folder),
      inherit: false,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = (): void => void child.kill('SIGKILL');
    running.add(kill);
    let said = '';
    let late = false;
    // `repo update` says on its output why it failed.
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-mostSaid)));
    const timer = options.doors.clock.after(op, call.timeoutMs, () => {
      late = true;
      kill();
    });
    try {
      return await new Promise<Ended>((resolve) => {
        child.once('error', (error) => resolve({ ok: false, said: messageOf(error) }));
        child.once('close', (code, signal) => {
          const why = late ? `took longer than ${call.timeoutMs / 1000} s` : `ended by ${signal}`;
          const last = signal === null ? said : `${said}\nhelm ${why}`;
          resolve({ ok: code === 0, said: last });
        });
      });
    } finally {
      timer.cancel();
      running.delete(kill);
    }
  };

  return {
    async run(_key, calls) {
      const helm = await findHelm(options).catch((error: unknown) => messageOf(error));
      if (typeof helm === 'string') return { ok: false, said: helm };
      const folder = join(folders, random.uuid());
      await disk.makeDir(op, folder, 0o700);
      try {
        await writeFiles(options, folder, calls);
        let done: Ended = { ok: true, said: '' };
        for (const call of calls) {
          done = await start(limited(helm.path, folder), call, folder);
          if (stopped) throw new Error('skiff ends');
          if (!done.ok) break;
        }
        return done;
      } finally {
        await disk.remove(op, folder);
      }
    },
    stop() {
      stopped = true;
      for (const kill of running) kill();
    },
  };
}

interface Ended {
  ok: boolean;
  said: string;
}

async function findHelm({ dataDir, environment }: HelmOptions): Promise<{ path: string }> {
  const path = (environment['PATH'] ?? '').split(':').filter(Boolean);
  return { path: await findTool('helm', { folders: [join(dataDir, 'bin'), ...path] }) };
}

/** The kernel keeps it within these, and ends it when this process is gone. */
const limited = (helm: string, folder: string): string[] => [
  'setpriv',
  '--pdeathsig=KILL',
  '--',
  'prlimit',
  `--data=${mostDataBytes}`,
  `--nofile=${mostFiles}`,
  '--core=0',
  '--',
  helm,
  `--kubeconfig=${join(folder, 'kubeconfig')}`,
];

/** No plug-ins, no repositories and no cache but those of the run. */
function environmentOf({ environment }: HelmOptions, folder: string): Record<string, string> {
  const passed = ['PATH', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
  const kept = [...passed, ...passed.map((name) => name.toLowerCase())].flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(kept),
    HOME: folder,
    TMPDIR: folder,
    GOMEMLIMIT: goMemory,
    HELM_CACHE_HOME: join(folder, 'cache'),
    HELM_CONFIG_HOME: join(folder, 'config'),
    HELM_DATA_HOME: join(folder, 'data'),
    HELM_PLUGINS: join(folder, 'plugins'),
    HELM_REPOSITORY_CONFIG: join(folder, 'repositories.yaml'),
    HELM_REGISTRY_CONFIG: join(folder, 'registry.json'),
  };
}

async function writeFiles(
  { doors, address, serverCa, clientCa }: HelmOptions,
  folder: string,
  calls: HelmCall[],
): Promise<void> {
  const { clock, disk, random } = doors;
  const own = issueCert({
    nowMs: clock.now(),
    earliestMs: clock.earliestMs(),
    random,
    ca: clientCa,
    cn: 'system:helm-controller',
    orgs: ['system:masters'],
    usages: ['client'],
    lifeMs: credentialMs,
  });
  const config = kubeconfig({ server: `https://${address}`, ca: serverCa, ...own });
  const files = { ...Object.assign({}, ...calls.map((one) => one.files)), kubeconfig: config };
  for (const [name, data] of Object.entries(files as HelmCall['files']))
    await disk.writeAtomic(op, join(folder, name), data);
}

/** Helm of a run that this process did not see the end of, known by the folder it was given. */
async function endLeftovers({ doors }: HelmOptions, folders: string): Promise<void> {
  const { clock, disk, processes, log } = doors;
  if ((await disk.list(op, folders)).length === 0) return;
  const marks = `--kubeconfig=${folders}/`;
  const left = (await processes.list(op)).filter(({ command }) =>
    command.some((word) => word.startsWith(marks)),
  );
  for (const { pid } of left) processes.kill(op, pid, 'SIGKILL');
  const untilMs = clock.monotonicMs() + deathMs;
  while (left.some(({ pid }) => processes.alive(pid)) && clock.monotonicMs() < untilMs)
    await clock.sleep(op, lookMs);
  if (left.length > 0) log.named(op).info('ended Helm of an earlier run', { count: left.length });
  await disk.remove(op, folders);
}
