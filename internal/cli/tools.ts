import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { replaceProcess } from '../io/exec.ts';
import { realDisk } from '../io/disk.ts';
import { realSpawn } from '../io/spawn.ts';

const oldestKubectl = 31;

/** Becomes the tool `name`, set up for this node: kubectl with the administrator's kubeconfig, the others with our socket. */
export async function runTool(name: string, words: string[]): Promise<void> {
  const dataDir = process.env['SKIFF_DATA_DIR'] ?? '/var/lib/skiff';
  const path = await findTool(name, [join(dataDir, 'bin'), ...(process.env['PATH'] ?? '').split(':').filter(Boolean)]);
  const env = process.env as Record<string, string>;
  replaceProcess(path, [name, ...words], { ...env, ...environmentFor(name, env) });
}

function environmentFor(name: string, env: Record<string, string>): Record<string, string> {
  const socket = '/run/skiff/containerd/containerd.sock';
  if (name === 'kubectl') return { KUBECONFIG: env['KUBECONFIG'] ?? '/etc/skiff/skiff.yaml' };
  if (name === 'ctr') return { CONTAINERD_ADDRESS: env['CONTAINERD_ADDRESS'] ?? socket, CONTAINERD_NAMESPACE: env['CONTAINERD_NAMESPACE'] ?? 'k8s.io' };
  return {
    CONTAINER_RUNTIME_ENDPOINT: env['CONTAINER_RUNTIME_ENDPOINT'] ?? `unix://${socket}`,
    IMAGE_SERVICE_ENDPOINT: env['IMAGE_SERVICE_ENDPOINT'] ?? `unix://${socket}`,
  };
}

/** The first program of that name that is not skiff itself, and for kubectl not too old. */
async function findTool(name: string, folders: string[]): Promise<string> {
  const self = await realDisk.stat('self', process.execPath);
  let old: string | undefined;
  for (const folder of folders) {
    const path = join(folder, name);
    const link = await realDisk.stat('tool', path);
    if (!link) continue;
    // A link to skiff, or skiff under another name, would call itself for ever.
    const real = await realDisk.realPath('tool', path);
    const there = await realDisk.stat('tool', real);
    if (!there || (there.ino === self?.ino && there.dev === self.dev) || real.endsWith('/skiff')) continue;
    if (name !== 'kubectl') return real;
    const version = await kubectlMinor(real);
    if (version >= oldestKubectl) return real;
    old = `${real} is 1.${version}`;
  }
  const where = `put one into ${folders[0]} or on the PATH`;
  if (old !== undefined) throw new ConfigError(`kubectl 1.${oldestKubectl} or newer is needed, ${old}`, { op: 'tool', hint: where });
  throw new ConfigError(`there is no ${name} on this machine`, { op: 'tool', hint: name === 'ctr' ? 'the containerd package brings it' : where });
}

async function kubectlMinor(path: string): Promise<number> {
  const done = await realSpawn.run('kubectl version', [path, 'version', '--client', '-o', 'json'], { timeoutMs: 10_000 });
  return Number(/"minor":\s*"(\d+)/.exec(done.stdout.toString())?.[1] ?? 0);
}
