import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { containerdConfig } from './config.ts';
import {
  hostsFiles as filesOf,
  parseRegistries,
  registryCredentials,
  rewrittenNames,
  type Auth,
} from './registries.ts';

const noFault = (what: string): never => {
  throw new Error(what);
};
const hostsFiles = (yaml: unknown) => filesOf(parseRegistries(yaml, noFault));

type Toml = Record<string, unknown>;
const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((v, key) => (v as Toml)[key], value);

const settings = {
  paths: {
    root: '/data/containerd',
    state: '/run/x',
    socket: '/run/x/c.sock',
    certsDir: '/data/certs.d',
    cniBinDir: '/usr/lib/cni',
    cniConfDir: '/data/net.d',
  },
  pauseImage: 'pause:1',
  restrictOomScoreAdj: true,
  snapshotter: 'overlayfs',
  credentials: new Map<string, Auth>([
    ['reg.example:5000', { username: 'u', password: 'p"\n\x7f' }],
    ['t.example', { identity_token: 'i' }],
  ]),
  handlers: { 'test-handler': undefined, crun: '/usr/bin/crun' },
};

describe('config.toml', () => {
  it('is version 2 for containerd 1', () => {
    const config = parse(containerdConfig({ ...settings, major: 1 }));
    expect(config).toMatchObject({
      version: 2,
      root: '/data/containerd',
      state: '/run/x',
      grpc: { address: '/run/x/c.sock' },
    });
    const cri = at(config, 'plugins', 'io.containerd.grpc.v1.cri');
    expect(cri).toMatchObject({
      sandbox_image: 'pause:1',
      restrict_oom_score_adj: true,
      cni: { bin_dir: '/usr/lib/cni' },
      registry: { config_path: '/data/certs.d' },
    });
    expect(Object.keys(at(cri, 'containerd', 'runtimes') as Toml)).toEqual([
      'runc',
      'test-handler',
      'crun',
    ]);
    expect(at(cri, 'registry', 'configs')).toEqual({
      'reg.example:5000': { auth: { username: 'u', password: 'p"\n\x7f' } },
      't.example': { auth: { identitytoken: 'i' } },
    });
    expect(at(cri, 'containerd', 'runtimes', 'crun', 'options', 'BinaryName')).toBe(
      '/usr/bin/crun',
    );
  });

  it('is version 3 for containerd 2', () => {
    const config = parse(containerdConfig({ ...settings, major: 2 }));
    expect(config).toMatchObject({ version: 3 });
    expect(at(config, 'plugins', 'io.containerd.cri.v1.images', 'pinned_images', 'sandbox')).toBe(
      'pause:1',
    );
    expect(
      at(
        config,
        'plugins',
        'io.containerd.cri.v1.images',
        'registry',
        'configs',
        'reg.example:5000',
        'auth',
        'username',
      ),
    ).toBe('u');
    expect(at(config, 'plugins', 'io.containerd.cri.v1.runtime', 'cni')).toEqual({
      bin_dirs: ['/usr/lib/cni'],
      conf_dir: '/data/net.d',
    });
  });
});

describe('registries.yaml', () => {
  it('becomes one hosts.toml a registry', () => {
    const files = hostsFiles({
      mirrors: {
        'docker.io': {
          endpoint: ['https://mirror.example:5000'],
          rewrite: { '^library/(.*)': 'hub/$1' },
        },
        '*': { endpoint: ['http://10.0.0.1:5000/v2/cache'] },
      },
      configs: {
        'mirror.example:5000': {
          auth: { username: 'u', password: 'p' },
          tls: { ca_file: '/ca.pem', insecure_skip_verify: true },
        },
        'private.example': { auth: { auth: 'eDp5' } },
      },
    });
    const hub = parse(files.get('docker.io')!);
    expect(hub['server']).toBe('https://registry-1.docker.io');
    expect(at(hub, 'host', 'https://mirror.example:5000')).toEqual({
      capabilities: ['pull', 'resolve'],
      skip_verify: true,
      ca: '/ca.pem',
    });
    expect(
      at(parse(files.get('_default')!), 'host', 'http://10.0.0.1:5000/v2/cache'),
    ).toMatchObject({ override_path: true });
    expect(parse(files.get('private.example')!)).toMatchObject({
      server: 'https://private.example',
    });
    expect([...files.values()].join('')).not.toContain('Authorization');
  });

  it('may be empty', () => {
    expect(hostsFiles(undefined).size).toBe(0);
    expect(hostsFiles(null).size).toBe(0);
  });

  it('gives each host its own credentials and no other', () => {
    const parsed = parseRegistries(
      {
        mirrors: { 'docker.io': { endpoint: ['https://mirror.example'] } },
        configs: {
          'docker.io': { auth: { username: 'hub', password: 123 } },
          'other.example': { tls: { ca_file: '/x' } },
        },
      },
      noFault,
    );
    expect([...registryCredentials(parsed)]).toEqual([
      ['docker.io', { username: 'hub', password: '123' }],
      ['registry-1.docker.io', { username: 'hub', password: '123' }],
    ]);
  });

  it('has the names of mirrors that rewrite', () => {
    const parsed = parseRegistries(
      {
        mirrors: {
          'docker.io': {
            endpoint: ['http://mirror.example:5000', 'https://second.example/v2'],
            rewrite: { '^library/(.*)': 'hub/${1}', '(.+)/(?<n>.+)': '${n}' },
          },
        },
      },
      noFault,
    );
    expect(
      rewrittenNames(parsed, { registry: 'docker.io', repository: 'library/busybox' }),
    ).toEqual(['mirror.example:5000/hub/busybox', 'second.example/hub/busybox']);
    expect(rewrittenNames(parsed, { registry: 'docker.io', repository: 'org/app' })).toEqual([
      'mirror.example:5000/app',
      'second.example/app',
    ]);
    expect(rewrittenNames(parsed, { registry: 'docker.io', repository: 'app' })).toEqual([]);
    expect(rewrittenNames(parsed, { registry: 'ghcr.io', repository: 'library/x' })).toEqual([]);
    expect(parse(filesOf(parsed).get('mirror.example:5000')!)).toMatchObject({
      server: 'http://mirror.example:5000',
    });
    expect(parse(filesOf(parsed).get('second.example')!)).toMatchObject({
      server: 'https://second.example/v2',
      override_path: true,
    });
  });

  it.each([
    ['a folder above', { mirrors: { '../../etc': { endpoint: ['https://a.example'] } } }],
    ['a name with a line', { configs: { 'a.example"]\n[x': { auth: { username: 'u' } } } }],
    [
      'an endpoint that is none',
      { mirrors: { 'a.example': { endpoint: ['https://', 'ok.example'] } } },
    ],
    [
      'a scheme of its own',
      { mirrors: { 'a.example': { endpoint: ['file:///etc/passwd', 'ok.example'] } } },
    ],
    [
      'a pattern that is none',
      { mirrors: { 'a.example': { endpoint: ['ok.example'], rewrite: { '(': 'x' } } } },
    ],
    ['an object as endpoint', { mirrors: { 'a.example': { endpoint: [{}, 'ok.example'] } } }],
  ])('leaves out %s, and only that', (_what, yaml) => {
    const said: string[] = [];
    const parsed = parseRegistries(
      {
        ...yaml,
        mirrors: {
          ...('mirrors' in yaml ? yaml.mirrors : {}),
          'good.example': { endpoint: ['https://m.example'] },
        },
      },
      (what) => said.push(what),
    );
    expect(said).toHaveLength(1);
    const files = filesOf(parsed);
    for (const [host, toml] of files) {
      expect(host).toMatch(/^[a-z.]+$/);
      expect(() => parse(toml)).not.toThrow();
    }
    expect(files.has('good.example')).toBe(true);
    if (files.has('a.example')) expect(files.get('a.example')).toContain('https://ok.example');
  });
});
