import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { containerdConfig } from './config.ts';
import { hostsFiles } from './registries.ts';

type Toml = Record<string, unknown>;
const at = (value: unknown, ...path: string[]): unknown => path.reduce<unknown>((v, key) => (v as Toml)[key], value);

const settings = {
  paths: { root: '/data/containerd', state: '/run/x', socket: '/run/x/c.sock', certsDir: '/data/certs.d', cniBinDir: '/usr/lib/cni', cniConfDir: '/data/net.d' },
  pauseImage: 'pause:1',
  restrictOomScoreAdj: true,
  snapshotter: 'overlayfs',
  handlers: { 'test-handler': undefined, crun: '/usr/bin/crun' },
};

describe('config.toml', () => {
  it('is version 2 for containerd 1', () => {
    const config = parse(containerdConfig({ ...settings, major: 1 }));
    expect(config).toMatchObject({ version: 2, root: '/data/containerd', state: '/run/x', grpc: { address: '/run/x/c.sock' } });
    const cri = at(config, 'plugins', 'io.containerd.grpc.v1.cri');
    expect(cri).toMatchObject({ sandbox_image: 'pause:1', restrict_oom_score_adj: true, cni: { bin_dir: '/usr/lib/cni' }, registry: { config_path: '/data/certs.d' } });
    expect(Object.keys(at(cri, 'containerd', 'runtimes') as Toml)).toEqual(['runc', 'test-handler', 'crun']);
    expect(at(cri, 'containerd', 'runtimes', 'crun', 'options', 'BinaryName')).toBe('/usr/bin/crun');
  });

  it('is version 3 for containerd 2', () => {
    const config = parse(containerdConfig({ ...settings, major: 2 }));
    expect(config).toMatchObject({ version: 3 });
    expect(at(config, 'plugins', 'io.containerd.cri.v1.images', 'pinned_images', 'sandbox')).toBe('pause:1');
    expect(at(config, 'plugins', 'io.containerd.cri.v1.runtime', 'cni')).toEqual({ bin_dirs: ['/usr/lib/cni'], conf_dir: '/data/net.d' });
  });
});

describe('registries.yaml', () => {
  it('becomes one hosts.toml a registry', () => {
    const files = hostsFiles({
      mirrors: { 'docker.io': { endpoint: ['https://mirror.example:5000'], rewrite: { '^library/(.*)': 'hub/$1' } }, '*': { endpoint: ['http://10.0.0.1:5000/v2/cache'] } },
      configs: { 'mirror.example:5000': { auth: { username: 'u', password: 'p' }, tls: { ca_file: '/ca.pem', insecure_skip_verify: true } }, 'private.example': { auth: { auth: 'eDp5' } } },
    });
    const hub = parse(files.get('docker.io')!);
    expect(hub['server']).toBe('https://registry-1.docker.io');
    expect(at(hub, 'host', 'https://mirror.example:5000')).toMatchObject({ capabilities: ['pull', 'resolve'], skip_verify: true, ca: '/ca.pem', header: { Authorization: 'Basic dTpw' }, rewrite: { '^library/(.*)': 'hub/$1' } });
    expect(at(parse(files.get('_default')!), 'host', 'http://10.0.0.1:5000/v2/cache')).toMatchObject({ override_path: true });
    expect(parse(files.get('private.example')!)).toMatchObject({ server: 'https://private.example', header: { Authorization: 'Basic eDp5' } });
  });

  it('may be empty', () => {
    expect(hostsFiles(undefined).size).toBe(0);
    expect(hostsFiles(null).size).toBe(0);
  });
});
