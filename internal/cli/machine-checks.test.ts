import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realDisk } from '../io/disk.ts';
import { realHost } from '../io/host.ts';
import { realSpawn } from '../io/spawn.ts';
import { checkMachine } from './machine-checks.ts';
import { serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';

let dir: string;
let root = true;
let listening: Server | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'machine-'));
});
afterEach(() => {
  listening?.close();
  listening = undefined;
  root = true;
  rmSync(dir, { recursive: true });
});

/** What a start with these flags would say: its notes, and at the end its complaint, if any. */
async function said(...flags: string[]): Promise<string[]> {
  writeFileSync(join(dir, 'config.yaml'), '');
  const lines: string[] = [];
  const warn = (line: string): void => void lines.push(line);
  const argv = [
    '--config',
    join(dir, 'config.yaml'),
    '--data-dir',
    join(dir, 'data'),
    '--private-registry',
    join(dir, 'registries.yaml'),
    ...flags,
  ];
  try {
    const config = serverConfig(
      await gatherSettings({ command: 'server', argv, env: {}, disk: realDisk, warn }),
      warn,
    );
    await checkMachine(config, {
      disk: realDisk,
      host: { ...realHost, isRoot: () => root },
      spawn: realSpawn,
      warn,
    });
  } catch (error) {
    lines.push(`refused: ${(error as Error).message}`);
  }
  return lines;
}

test('nothing is to be said of what is there', async () => {
  const socket = join(dir, 'cri.sock');
  listening = createServer().listen(socket);
  await new Promise((resolve) => listening?.once('listening', resolve));
  writeFileSync(
    join(dir, 'registries.yaml'),
    'mirrors:\n  docker.io: {endpoint: [https://mirror.example]}\nconfigs:\n  ' +
      'mirror.example: {auth: {username: a, password: b}}\n',
  );
  expect(
    await said(
      '--write-kubeconfig-group',
      'root',
      '--resolv-conf',
      join(dir, 'registries.yaml'),
      '--container-runtime-endpoint',
      `unix://${socket}`,
      '--node-ip',
      '127.0.0.1',
    ),
  ).toEqual([]);
});

test.each<[string[], string | RegExp]>([
  [
    ['--write-kubeconfig-group', 'nobodys-group'],
    'refused: --write-kubeconfig-group: there is no group "nobodys-group" on this machine',
  ],
  [
    ['--resolv-conf', '/nowhere/resolv.conf'],
    'refused: --resolv-conf: /nowhere/resolv.conf: no such file',
  ],
  [['--token-file', '/nowhere/token'], 'refused: --token-file: /nowhere/token: no such file'],
  [
    ['--datastore-endpoint', 'https://a:2379', '--datastore-cafile', '/nowhere/ca'],
    'refused: --datastore-cafile: /nowhere/ca: no such file',
  ],
  [
    ['--node-ip', '192.0.2.77'],
    /^--node-ip: no interface of this machine has 192\.0\.2\.77; has it another now: /,
  ],
  [
    ['--container-runtime-endpoint', '/nowhere/cri.sock'],
    /^--container-runtime-endpoint: nobody listens on \/nowhere\/cri\.sock/,
  ],
  [
    ['--container-runtime-endpoint', 'tcp://1.2.3.4:5'],
    'refused: --container-runtime-endpoint: "tcp://1.2.3.4:5" is not the path of a socket',
  ],
])('%j', async (flags, expected) => {
  expect(await said(...flags)).toEqual([
    typeof expected === 'string' ? expected : expect.stringMatching(expected),
  ]);
});

test.each<[string, RegExp]>([
  [
    'mirors: {docker.io: {}}\n',
    /registries\.yaml: unknown key "mirors" has no effect \(known are mirrors, configs\)$/,
  ],
  [
    'mirrors: {docker.io: {endpont: [https://a]}}\n',
    /unknown key "mirrors\.docker\.io\.endpont" has no effect/,
  ],
  [
    'configs: {a.example: {auth: {user: a}}}\n',
    /unknown key "configs\.a\.example\.auth\.user" has no effect/,
  ],
  [
    'configs: {a.example: {tls: {ca_file: /nowhere/ca}}}\n',
    /configs: a\.example: \/nowhere\/ca: no such file$/,
  ],
  ['mirrors: {docker.io: {endpoint: ["ftp://a"]}}\n', /left out: "ftp:\/\/a" is not an endpoint$/],
  ['mirrors: [\n', /^refused: .*registries\.yaml: /],
])('registries.yaml %j', async (text, expected) => {
  writeFileSync(join(dir, 'registries.yaml'), text);
  expect(await said()).toEqual([expect.stringMatching(expected)]);
});

test('a node needs root, a server alone does not', async () => {
  root = false;
  expect(await said()).toEqual(['refused: only root can run a node']);
  expect(await said('--disable-agent')).toEqual([]);
});

test('a server with a cluster of its own does not join another by the way', async () => {
  mkdirSync(join(dir, 'data/server/db'), { recursive: true });
  writeFileSync(join(dir, 'data/server/db/store.db'), '');
  const { fileName } = await import('../store/sqlite/schema.ts');
  writeFileSync(join(dir, 'data/server/db', fileName), '');
  expect(await said('--server', 'https://192.0.2.1:6443', '--token', 'x')).toEqual([
    expect.stringMatching(/^refused: .*holds the state of a cluster of its own/),
  ]);
});
