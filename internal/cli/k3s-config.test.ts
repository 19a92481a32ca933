import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realDisk } from '../io/disk.ts';
import { k3sConfig, type K3sConfig } from './k3s-config.ts';
import { serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'k3s-config-'));
  await mkdir(join(dir, 'etc/config.yaml.d'), { recursive: true });
});
afterEach(() => rm(dir, { recursive: true }));

const read = (): Promise<K3sConfig> =>
  k3sConfig(realDisk, {
    configDir: join(dir, 'etc'),
    unit: join(dir, 'k3s.service'),
    environment: join(dir, 'k3s.service.env'),
  });

test('files, service and its environment become one file that skiff takes', async () => {
  await writeFile(
    join(dir, 'etc/config.yaml'),
    'write-kubeconfig-mode: "0644"\ntls-san: [a]\ndata-dir: /mnt/k3s\nselinux: true\n' +
      'kubelet-arg: ["eviction-hard=memory.available<100Mi,nodefs.available<5%"]\n',
  );
  await writeFile(join(dir, 'etc/config.yaml.d/a.yaml'), 'tls-san+: [b]\nnode-label: x=y\n');
  await writeFile(
    join(dir, 'k3s.service.env'),
    "K3S_TOKEN='secret'\nK3S_NODE_NAME='boat'\nPATH=/bin\n",
  );
  await writeFile(
    join(dir, 'k3s.service'),
    '[Service]\nExecStartPre=-/sbin/modprobe overlay\nExecStart=/usr/local/bin/k3s \\\n    ' +
      "server \\\n\t'--disable' \\\n\t'traefik' \\\n\t'--kubelet-arg=max-pods=250' \\\n" +
      "\t'--cluster-cidr=10.52.0.0/16' \\\n\n",
  );
  const { text, notes } = await read();
  expect(load(text)).toEqual({
    'write-kubeconfig-mode': '0644',
    'tls-san': ['a', 'b'],
    'node-label': 'x=y',
    'node-name': 'boat',
    disable: ['traefik'],
    'kubelet-arg': ['max-pods=250'],
    'cluster-cidr': '10.52.0.0/16',
  });
  expect(text).toContain('# selinux: true');
  expect(notes).toEqual([
    expect.stringMatching(/"data-dir" is not carried over/),
    expect.stringMatching(/"selinux" is not supported/),
  ]);
  const file = join(dir, 'config.yaml');
  await writeFile(file, text);
  const settings = await gatherSettings({
    command: 'server',
    argv: ['-c', file],
    env: {},
    disk: realDisk,
    warn: () => undefined,
  });
  expect(serverConfig(settings)).toMatchObject({
    nodeName: 'boat',
    maxPods: 250,
    clusterCidr: '10.52.0.0/16',
    tlsSans: ['a', 'b'],
    writeKubeconfigMode: 0o644,
    disable: ['traefik'],
  });
});

test('what cannot be read is a note', async () => {
  await writeFile(join(dir, 'etc/config.yaml'), 'a: [\n');
  await writeFile(
    join(dir, 'k3s.service'),
    'ExecStart=/usr/local/bin/k3s server --flag-of-the-past\n',
  );
  const { text, notes } = await read();
  expect(loadAll(text)).toEqual([]);
  expect(notes).toEqual([
    expect.stringMatching(/config\.yaml could not be read/),
    expect.stringMatching(/k3s\.service could not be read: unknown flag --flag-of-the-past/),
  ]);
});

test('a k3s that was told nothing', async () => {
  expect(loadAll((await read()).text)).toEqual([]);
});
