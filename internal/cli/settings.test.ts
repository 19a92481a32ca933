import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realDisk } from '../io/disk.ts';
import { environmentOf, flags } from './flags.ts';
import { agentConfig } from './node-config.ts';
import { serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-'));
  file = join(dir, 'config.yaml');
});
afterEach(() => rm(dir, { recursive: true }));

let warnings: string[] = [];
const warn = (line: string): void => void warnings.push(line);

async function gather(
  argv: string[] = [],
  env: Record<string, string> = {},
  command: 'server' | 'agent' = 'server',
) {
  warnings = [];
  return await gatherSettings({
    command,
    argv: ['--config', file, ...argv],
    env,
    disk: realDisk,
    warn,
  });
}

async function drop(name: string, text: string): Promise<void> {
  await mkdir(`${file}.d`, { recursive: true });
  await writeFile(join(`${file}.d`, name), text);
}

describe('precedence', () => {
  test('command line > environment > config.yaml.d > config.yaml > default', async () => {
    await writeFile(
      file,
      'https-listen-port: 1\nnode-name: file\ncluster-domain: file.local\ndata-dir: /from/file\n',
    );
    await drop('10-first.yaml', 'node-name: first\ncluster-domain: first.local\n');
    await drop('20-second.yaml', 'cluster-domain: second.local\n');
    const settings = await gather(['--https-listen-port=4'], {
      SKIFF_HTTPS_LISTEN_PORT: '3',
      SKIFF_DATA_DIR: '/from/env',
    });
    expect(settings.get('https-listen-port')).toBe(4);
    expect(settings.get('data-dir')).toBe('/from/env');
    expect(settings.get('node-name')).toBe('first');
    expect(settings.get('cluster-domain')).toBe('second.local');
    expect(settings.get('service-cidr')).toBe('10.43.0.0/16');
  });

  test('`key+` appends in later files; the command line replaces the whole list', async () => {
    await writeFile(file, 'tls-san: [a, b]\nnode-label:\n- x=1\n');
    await drop('a.yaml', 'tls-san+: c\n');
    expect((await gather()).get('tls-san')).toEqual(['a', 'b', 'c']);
    expect((await gather(['--tls-san', 'd', '--tls-san=e,f'])).get('tls-san')).toEqual([
      'd',
      'e',
      'f',
    ]);
  });

  test('short forms, single dashes and booleans with a value are as in k3s', async () => {
    await writeFile(file, '');
    const settings = await gather([
      '-d',
      '/data',
      '-node-name',
      'boat',
      '--debug=false',
      '--disable-agent',
    ]);
    expect([
      settings.get('data-dir'),
      settings.get('node-name'),
      settings.get('debug'),
      settings.get('disable-agent'),
    ]).toEqual(['/data', 'boat', false, true]);
  });

  test('files in the folder count even when the main file is not there', async () => {
    await drop('a.yaml', 'node-name: boat\n');
    const settings = await gatherSettings({
      command: 'server',
      argv: [],
      env: { SKIFF_DEBUG: 'true' },
      disk: realDisk,
      warn,
    }).catch(() => undefined);
    expect(settings?.get('debug')).toBe(true);
    // named, and not there: that is a mistake
    await expect(gather()).rejects.toThrow(/no such file/);
  });
});

describe('complaints are one line that names the cause', () => {
  const complaints: [string[], string, RegExp][] = [
    [['--tls-sans', 'x'], '', /unknown flag --tls-sans/],
    [['stray'], '', /takes no argument "stray"/],
    [['--https-listen-port', 'many'], '', /--https-listen-port: "many" is not a whole number/],
    [['--node-ip'], '', /--node-ip needs a value/],
    [['--selinux'], '', /--selinux is not supported: containers would run without SELinux labels/],
    [['--rootless'], '', /--rootless is not supported/],
    [
      ['--flannel-backend', 'ipsec'],
      '',
      /--flannel-backend: "ipsec" is not one of vxlan, host-gw, wireguard-native, none/,
    ],
    [['--snapshotter', 'stargz'], '', /--snapshotter: "stargz" is not one of/],
    [['--etcd-s3'], '', /--etcd-s3 is not supported: snapshots are kept in a folder/],
    [[], 'a: [\n', /config\.yaml: /],
    [[], '- a\n', /not a mapping/],
    [[], 'debug: perhaps\n', /neither true nor false/],
    [
      [],
      'secrets-encryption-provider: x\n',
      /--secrets-encryption-provider: "x" is not one of aescbc, secretbox, aesgcm/,
    ],
  ];
  test.each(complaints)('%j %j', async (argv, text, expected) => {
    await writeFile(file, text);
    const error = await gather(argv).then(
      () => undefined,
      (e: Error) => e,
    );
    expect(error?.message).toMatch(expected);
    expect(error?.message).not.toContain('\n');
  });

  test('a near miss is told its neighbour', async () => {
    await writeFile(file, '');
    await expect(gather(['--tls-sam', 'x'])).rejects.toMatchObject({
      hint: 'did you mean --tls-san?',
    });
  });

  test.each([
    ['--cluster-cidr', '10.42.0.0', /a range such as/],
    ['--service-node-port-range', '5-1', /range of ports/],
    ['--node-taint', 'a', /key=value:effect/],
    ['--node-ip', 'boat', /not an IP address/],
    ['--write-kubeconfig-mode', 'rw', /file mode/],
    ['--disable', '../x', /"..\/x" is not the name of a component/],
    ['--node-internal-dns', 'a b', /not a DNS name/],
    ['--data-dir', 'here', /absolute path/],
    [
      '--cluster-cidr',
      '10.43.0.0/16',
      /^--cluster-cidr 10\.43\.0\.0\/16 and --service-cidr 10\.43\.0\.0\/16 share addresses$/,
    ],
    ['--cluster-cidr', '10.0.0.0/8', /share addresses/],
    ['--service-cidr', '10.42.128.0/20', /share addresses/],
    ['--service-cidr', '10.50.0.1/16', /does not begin with the first address of its range/],
    [
      '--cluster-dns',
      '10.42.0.10',
      /^--cluster-dns: 10\.42\.0\.10 is not in --service-cidr 10\.43\.0\.0\/16$/,
    ],
    ['--cluster-domain', 'Boat.Local', /not a DNS name/],
    ['--cluster-domain', 'a..b', /not a DNS name/],
    ['--tls-san', 'https://boat.example', /neither an address nor a DNS name/],
    ['--tls-san', 'boat.example:6443', /neither an address nor a DNS name/],
    ['--tls-san', 'a b', /neither an address nor a DNS name/],
    ['--node-label', 'a b=c', /^--node-label: "a b=c": name part must consist of/],
    ['--node-label', 'a=b c', /^--node-label: "a=b c": a valid label must/],
    [
      '--node-label',
      'node-role.kubernetes.io/worker=true',
      /a node may not give itself "node-role.kubernetes.io\/worker"/,
    ],
    ['--node-taint', 'a b=c:NoSchedule', /^--node-taint: "a b=c:NoSchedule": name part must/],
    ['--kubelet-arg', 'node-labels=-a=b', /^--node-label: "-a=b": name part must/],
    ['--snapshotter', 'zfs', /"zfs" is not one of overlayfs, native/],
    ['--datastore-endpoint', 'mysql://u:p@tcp(db:3306)/k', /no datastore "mysql"/],
    [
      '--datastore-endpoint',
      'postgres://u:p@db/k?sslmode=sometimes',
      /unknown sslmode "sometimes"/,
    ],
    [
      '--datastore-endpoint',
      'postgres://u:p/w@db/k',
      /postgres:\/\/user:password@host:port\/database/,
    ],
  ])('%s %s', async (flag, value, expected) => {
    await writeFile(file, '');
    const complaint = await gather([flag, value])
      .then((settings) => serverConfig(settings))
      .then(
        () => 'taken',
        (error: Error) => error.message,
      );
    expect(complaint).toMatch(expected);
    expect(complaint).not.toContain('\n');
  });
});

test('what is allowed is taken: wildcards, another DNS, labels of the node itself', async () => {
  await writeFile(file, '');
  const args = [
    '--tls-san',
    '*.example.com,Boat.example.,fd00::1',
    '--cluster-dns',
    '169.254.20.10',
    '--disable',
    'coredns',
    '--node-label',
    'topology.kubernetes.io/zone=a',
    '--node-taint',
    'example.com/gpu:NoExecute',
  ];
  expect(serverConfig(await gather(args))).toMatchObject({
    clusterDns: '169.254.20.10',
    nodeLabels: ['topology.kubernetes.io/zone=a'],
  });
});

test('a mapping in the place of a text is told as such', async () => {
  await writeFile(file, 'node-label:\n- zone: cellar\n');
  await expect(gather()).rejects.toMatchObject({
    message: expect.stringContaining('node-label: takes a list of texts, not a mapping') as string,
    hint: 'write - "zone=cellar"',
  });
  await writeFile(file, 'kubelet-arg: {max-pods: 5}\n');
  await expect(gather()).rejects.toMatchObject({ hint: 'write - "max-pods=5"' });
});

test('a variable that is spelt wrong is told', async () => {
  await writeFile(file, '');
  await gather([], {
    SKIFF_DISABLE_AGNT: 'true',
    SKIFF_TEST_DISK: '/x',
    SKIFF_SERVICE_HOST: '10.0.0.1',
    SKIFF_PORT: 'tcp://10.0.0.1:1',
  });
  expect(warnings).toEqual([
    'SKIFF_DISABLE_AGNT has no effect (did you mean SKIFF_DISABLE_AGENT?)',
  ]);
});

describe('what has no effect is told in one line', () => {
  test.each([
    [
      [],
      'node-nam: x\n',
      /config\.yaml: unknown key "node-nam" has no effect \(did you mean --node-name\?\)$/,
    ],
    [
      [],
      'flag-of-the-future: [1, 2]\n',
      /config\.yaml: unknown key "flag-of-the-future" has no effect$/,
    ],
    [
      ['--log', '/var/log/k3s.log'],
      '',
      /^--log has no effect here: the log goes to standard error/,
    ],
    [['-l', '/var/log/k3s.log'], '', /^--log has no effect here/],
    [['--alsologtostderr', '-v', '4'], '', /^--alsologtostderr has no effect here/],
    [['--secrets-encryption-provider', 'secretbox'], '', /AES-GCM/],
    [['--disable-etcd'], '', /every server that joins keeps a member/],
  ] as [string[], string, RegExp][])('%j %j', async (argv, text, expected) => {
    await writeFile(file, text);
    await gather(argv);
    expect(warnings).toEqual([expect.stringMatching(expected)]);
  });

  test('one file serves servers and agents', async () => {
    await writeFile(
      file,
      'server: https://192.0.2.1:6443\ntoken: secret\ntls-san: [a]\ndisable: ' + '[traefik]\n',
    );
    expect(agentConfig(await gather([], {}, 'agent'))).toMatchObject({
      server: 'https://192.0.2.1:6443',
      token: 'secret',
    });
    expect(warnings.map((w) => w.replace(/^.*: "/, '"'))).toEqual([
      '"tls-san" is for "skiff server" and has no effect here',
      '"disable" is for "skiff server" and has no effect here',
    ]);
  });

  test('a file of comments only says nothing', async () => {
    await writeFile(file, '# disable: [traefik]\n\n');
    await gather();
    expect(warnings).toEqual([]);
  });

  test('a flag at its resting value says nothing', async () => {
    await writeFile(
      file,
      'selinux: false\nrootless: "false"\nlog: ""\nairgap-extra-registry: ""\n' +
        'disable-cloud-controller: false\n',
    );
    await gather();
    expect(warnings).toEqual([]);
  });
});

describe("k3s' own variables", () => {
  test('are taken, with a line; those of skiff win', async () => {
    await writeFile(file, '');
    const settings = await gather([], {
      K3S_TOKEN: 'theirs',
      K3S_NODE_NAME: 'boat',
      SKIFF_TOKEN: 'ours',
      K3S_KUBECONFIG_MODE: '644',
      K3S_P2P_PORT: '5',
      K3S_DATA_DIR: '/var/lib/rancher/k3s',
    });
    expect([
      settings.get('token'),
      settings.get('node-name'),
      settings.get('write-kubeconfig-mode'),
      settings.get('data-dir'),
    ]).toEqual(['ours', 'boat', '644', '/var/lib/skiff']);
    expect(warnings).toEqual([
      'K3S_TOKEN has no effect: SKIFF_TOKEN is set too',
      'K3S_NODE_NAME is taken as SKIFF_NODE_NAME',
      'K3S_KUBECONFIG_MODE is taken as SKIFF_KUBECONFIG_MODE',
      'K3S_P2P_PORT has no effect here',
      'K3S_DATA_DIR is not taken: it names what belongs to k3s; say SKIFF_DATA_DIR',
    ]);
  });

  test('K3S_URL names the server to join', async () => {
    await writeFile(file, '');
    const told = agentConfig(
      await gather([], { K3S_URL: 'https://192.0.2.1:6443', K3S_TOKEN: 'secret' }, 'agent'),
    );
    expect(told).toMatchObject({ server: 'https://192.0.2.1:6443', token: 'secret' });
    expect(serverConfig(await gather([], { K3S_URL: 'https://192.0.2.1:6443' })).server).toBe(
      'https://192.0.2.1:6443',
    );
  });
});

test('a server needs nothing said', async () => {
  await writeFile(file, '');
  expect(serverConfig(await gather())).toMatchObject({
    httpsListenPort: 6443,
    clusterDns: '10.43.0.10',
    writeKubeconfigMode: 0o600,
    nodePortRange: { from: 30000, to: 32767 },
  });
});

test('what is said about the network and the name arrives', async () => {
  await writeFile(
    file,
    'flannel-backend: host-gw\nwith-node-id: true\ndisable-network-policy: true\n',
  );
  expect(
    serverConfig(await gather(['--disable-kube-proxy', '--flannel-iface', 'eth1'])),
  ).toMatchObject({
    flannelBackend: 'host-gw',
    withNodeId: true,
    disableKubeProxy: true,
    disableNetworkPolicy: true,
    flannelIface: 'eth1',
  });
});

test('a datastore is named by flag or variable', async () => {
  await writeFile(file, '');
  const endpoint = 'postgres://skiff:secret@db:5432/skiff?sslmode=verify-full';
  expect(
    serverConfig(
      await gather(['--datastore-cafile', '/ca.pem'], { SKIFF_DATASTORE_ENDPOINT: endpoint }),
    ).datastore,
  ).toEqual({ endpoint, caFile: '/ca.pem' });
  expect(
    serverConfig(await gather(['--datastore-endpoint', 'https://a:2379,https://b:2379'])).datastore
      ?.endpoint,
  ).toBe('https://a:2379,https://b:2379');
});

test(
  'snapshots are taken as k3s takes them, unless something else is said in any of the usual ' +
    'places',
  async () => {
    await writeFile(file, '');
    expect(serverConfig(await gather()).snapshots).toEqual({
      schedule: '0 */12 * * *',
      prefix: 'etcd-snapshot',
      retention: 5,
      dir: undefined,
      compress: false,
    });
    expect(
      serverConfig(await gather(['--etcd-disable-snapshots'])).snapshots.schedule,
    ).toBeUndefined();
    expect(
      serverConfig(await gather(['--etcd-snapshot-schedule-cron='])).snapshots.schedule,
    ).toBeUndefined();
    await writeFile(
      file,
      'etcd-snapshot-schedule-cron: "@daily"\netcd-snapshot-dir: /mnt/stick\n' +
        'etcd-snapshot-compress: true\n',
    );
    const said = serverConfig(
      await gather(['--etcd-snapshot-retention', '0', '--etcd-snapshot-name', 'boat'], {
        SKIFF_CLUSTER_RESET: 'true',
        SKIFF_CLUSTER_RESET_RESTORE_PATH: '/mnt/stick/x',
      }),
    );
    expect(said.snapshots).toEqual({
      schedule: '@daily',
      prefix: 'boat',
      retention: 0,
      dir: '/mnt/stick',
      compress: true,
    });
    expect(said).toMatchObject({ clusterReset: true, clusterResetRestorePath: '/mnt/stick/x' });
  },
);

test('a server that joins says where, and nothing that contradicts it', async () => {
  await writeFile(file, '');
  const joining = async (...more: string[]) =>
    serverConfig(await gather(['-s', 'https://192.0.2.1:6443', ...more]));
  expect(await joining('--token', 'secret')).toMatchObject({
    server: 'https://192.0.2.1:6443',
    token: 'secret',
    clusterInit: false,
  });
  await expect(joining('--cluster-init')).rejects.toThrow(
    /--server and --cluster-init exclude each other/,
  );
  await expect(joining('--datastore-endpoint', 'http://192.0.2.2:2379')).rejects.toThrow(
    /exclude each other/,
  );
  for (const wrong of ['http://192.0.2.1:6443', '192.0.2.1', 'https://', 'https://a b']) {
    const settings = await gather(['--server', wrong]);
    expect(() => serverConfig(settings)).toThrow(/is not a URL such as https:\/\/10\.0\.0\.1:6443/);
  }
});

test('an agent needs a server and a token', async () => {
  await writeFile(file, '');
  const settings = await gather([], {}, 'agent');
  expect(() => agentConfig(settings)).toThrow(/needs --server/);
  const told = await gather(['-s', 'https://192.0.2.1:6443'], { SKIFF_TOKEN: 'secret' }, 'agent');
  expect(agentConfig(told)).toMatchObject({ server: 'https://192.0.2.1:6443', token: 'secret' });
});

test('every flag has one meaning for each command and its own variable', () => {
  for (const command of ['server', 'agent'] as const) {
    const names = flags.filter((f) => f.for === command || f.for === 'both').map((f) => f.name);
    expect(names.length).toBe(new Set(names).size);
  }
  expect(
    environmentOf({ name: 'tls-san', kind: 'list', help: '', for: 'server', state: 'works' }),
  ).toEqual(['SKIFF_TLS_SAN']);
});

test('the cluster DNS is the tenth address of the service range, which must have one', async () => {
  await writeFile(file, '');
  const dnsOf = async (range: string): Promise<string> =>
    serverConfig(await gather(['--service-cidr', range])).clusterDns;
  expect(await dnsOf('10.43.0.0/16')).toBe('10.43.0.10');
  await expect(dnsOf('10.43.0.0/29')).rejects.toThrow(/--service-cidr/);
});
