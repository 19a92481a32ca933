import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireProgram } from '../../../test/packages.ts';
import { realClock } from '../../io/clock.ts';
import { runOk, realSpawn } from '../../io/spawn.ts';
import { connectRuntime, type Runtime } from '../cri/client.ts';
import { ImagePuller } from '../images/image-puller.ts';
import { containerdConfig } from './config.ts';
import { hostsFiles, parseRegistries, registryCredentials, rewrittenNames } from './registries.ts';
import { TokenRegistry } from './testing/token-registry.ts';

/**
 * A real containerd with what registries.yaml becomes, against registries whose tokens come from a
 * token server.
 */
const dir = mkdtempSync(join(tmpdir(), 'skiff-reg-'));
const socket = join(dir, 'c.sock');
let [hub, mirror, identity, open]: TokenRegistry[] = [];
let containerd: ChildProcess;
let runtime: Runtime;
let puller: ImagePuller;

beforeAll(async () => {
  hub = await TokenRegistry.start(['team/app', 'library/tool'], ['alice:s3cret"\\']);
  mirror = await TokenRegistry.start(['cache/library/tool'], ['mirror:pass']);
  identity = await TokenRegistry.start(['team/app'], ['identity:long-token']);
  open = await TokenRegistry.start(['team/app'], ['']);
  const registries = parseRegistries(
    {
      mirrors: {
        'hub.test': {
          endpoint: [`http://${mirror.host}`],
          rewrite: { '^library/(.*)$': 'cache/library/$1' },
        },
        'named.test': { endpoint: [`http://${hub.host}`] },
      },
      configs: {
        [hub.host]: { auth: { username: 'alice', password: 's3cret"\\' } },
        [mirror.host]: { auth: { auth: Buffer.from('mirror:pass').toString('base64') } },
        [identity.host]: { auth: { identity_token: 'long-token' } },
      },
    },
    (what) => expect.fail(what),
  );
  for (const [host, text] of hostsFiles(registries)) {
    mkdirSync(join(dir, 'certs.d', host), { recursive: true });
    writeFileSync(join(dir, 'certs.d', host, 'hosts.toml'), text);
  }
  const version = await runOk(realSpawn, 'test', [requireProgram('containerd'), '--version']);
  const paths = {
    root: join(dir, 'root'),
    state: join(dir, 'state'),
    socket,
    certsDir: join(dir, 'certs.d'),
    cniBinDir: dir,
    cniConfDir: dir,
  };
  const major = Number(/\sv?(\d+)\.\d+/.exec(version)?.[1] ?? 1);
  writeFileSync(
    join(dir, 'config.toml'),
    containerdConfig({
      paths,
      major,
      pauseImage: 'pause:1',
      restrictOomScoreAdj: true,
      snapshotter: 'native',
      credentials: registryCredentials(registries),
      handlers: {},
    }),
  );
  containerd = spawn('containerd', ['--config', join(dir, 'config.toml')], { stdio: 'ignore' });
  runtime = connectRuntime(socket);
  for (
    let tries = 0;
    !(await runtime.cri.version({}, { waitForReady: true }).then(
      () => true,
      () => false,
    ));
    tries++
  ) {
    if (tries > 300) throw new Error('containerd does not answer');
    await realClock.sleep('test', 100);
  }
  const events = { normal: () => undefined, warning: () => undefined };
  const ctr = ['ctr', '--address', socket, '--namespace', 'k8s.io', 'images'];
  puller = new ImagePuller({
    cri: runtime.cri,
    events: events as never,
    clock: realClock,
    secret: () => Promise.reject(new Error('none')),
    mirrorNames: (image) => rewrittenNames(registries, image),
    rename: async (from, to) => {
      await runOk(realSpawn, 'test', [...ctr, 'tag', '--force', from, to]);
      await runOk(realSpawn, 'test', [...ctr, 'remove', from]);
    },
  });
});
afterAll(() => {
  runtime.close();
  containerd.kill();
  for (const registry of [hub, mirror, identity, open]) registry?.close();
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

const pull = (image: string) =>
  puller.ensure({
    pod: { metadata: { uid: image, namespace: 'ns' }, spec: { containers: [] } } as never,
    image,
    policy: 'Always',
    about: {} as never,
    signal: new AbortController().signal,
  });

describe('credentials of registries.yaml', () => {
  it('reach the token server that a registry names', async () => {
    await pull(`${hub!.host}/team/app:1`);
    expect(hub!.shown.at(-1)).toBe('alice:s3cret"\\');
    expect(hub!.requests.some((r) => r.startsWith('GET /v2/') && r.endsWith('Basic'))).toBe(false);
  });

  it('count for a mirror by its own host', async () => {
    await pull('named.test/team/app:1');
    expect(
      (await runtime.cri.imageStatus({ image: { image: 'named.test/team/app:1' } })).image
        ?.repoTags,
    ).toContain('named.test/team/app:1');
  });

  it('may be an identity token', async () => {
    await pull(`${identity!.host}/team/app:1`);
    expect(identity!.shown.at(-1)).toBe('identity:long-token');
  });

  it('go to no host but theirs', async () => {
    await pull(`${open!.host}/team/app:1`);
    expect(new Set(open!.shown)).toEqual(new Set(['']));
    expect(new Set(hub!.shown)).toEqual(new Set(['alice:s3cret"\\']));
    expect(new Set(identity!.shown)).toEqual(new Set(['identity:long-token']));
  });
});

describe('rewrite', () => {
  it('pulls under the name that the mirror has, and keeps it under the pod’s', async () => {
    await pull('hub.test/library/tool:2');
    expect(mirror!.requests).toContainEqual(
      expect.stringMatching(/^(GET|HEAD) \/v2\/cache\/library\/tool\/manifests\/2 Bearer$/),
    );
    await expect
      .poll(
        async () =>
          (await runtime.cri.imageStatus({ image: { image: 'hub.test/library/tool:2' } })).image
            ?.repoTags,
      )
      .toEqual(['hub.test/library/tool:2']);
    const image = (await runtime.cri.imageStatus({ image: { image: 'hub.test/library/tool:2' } }))
      .image!;
    expect(image.repoDigests).toEqual([expect.stringMatching(/^hub\.test\/library\/tool@sha256:/)]);
    await expect(
      puller.ensure({
        pod: { metadata: { uid: 'y', namespace: 'ns' }, spec: { containers: [] } } as never,
        image: 'hub.test/library/tool:2',
        policy: 'IfNotPresent',
        about: {} as never,
        signal: new AbortController().signal,
      }),
    ).resolves.toMatchObject({ ref: image.id });
  });
});
