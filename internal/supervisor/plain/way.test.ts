import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../../apiserver/dev.ts';
import { readRequest } from '../../base/x509/request.ts';
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { httpClient } from '../../client/http.ts';
import { refs } from '../../client/refs.ts';
import { realRandom } from '../../io/random.ts';
import { issueCert } from '../../pki/certificate.ts';
import { kubeconfig } from '../../pki/kubeconfig.ts';
import { signRequest } from '../../pki/sign-request.ts';
import type { Machine } from '../node-process.ts';
import type { Starting } from '../agent-way.ts';
import type { AgentConfig } from '../config.ts';
import { realDoors } from '../doors.ts';
import { startRenewal } from '../renewal.ts';
import { plainWay } from './way.ts';

const ref = refs.certificateSigningRequests;
let root: string;
let dev: DevServer;
let client: ReturnType<typeof httpClient>;
const doors = realDoors(false);

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'plain-'));
  await mkdir(join(root, 'agent'));
  dev = await startDevServer();
  client = httpClient({ server: dev.url, ca: dev.ca.cert, ...dev.admin });
});
afterEach(async () => {
  client.close();
  await dev.api.close();
  await rm(root, { recursive: true });
});

async function starting(
  text = dev.kubeconfig,
  told: AgentConfig['told'] = {},
  name = 'boat',
): Promise<Starting> {
  const file = join(root, 'given');
  await writeFile(file, text);
  const config = { dataDir: root, kubeconfig: file, server: '', told } as AgentConfig;
  const facts = { name, ip: '10.0.0.7', ips: ['10.0.0.7'], externalIps: [] };
  return { config, doors, machine: { facts } as Partial<Machine> as Machine };
}

const requests = async (): Promise<CertificateSigningRequest[]> =>
  (await client.list<CertificateSigningRequest>(ref)).items;

/** What the cluster's controllers do. */
async function sign(signerName: string): Promise<CertificateSigningRequest> {
  const open = async (): Promise<CertificateSigningRequest | undefined> =>
    (await requests()).find((one) => one.spec.signerName === signerName && !one.status.certificate);
  await expect.poll(open).toBeTruthy();
  const asked = (await open()) as CertificateSigningRequest;
  const cert = signRequest({
    request: readRequest(Buffer.from(asked.spec.request, 'base64').toString()),
    ca: dev.ca,
    usages: asked.spec.usages ?? [],
    expirationSeconds: undefined,
    nowMs: doors.clock.now(),
    random: realRandom,
  });
  const condition = { type: 'Approved', status: 'True', reason: 'Test', message: 'test' };
  const approved = await client.update<CertificateSigningRequest>(
    ref,
    { ...asked, status: { conditions: [condition] } },
    { subresource: 'approval' },
  );
  await client.update(
    ref,
    {
      ...approved,
      status: { ...approved.status, certificate: Buffer.from(cert).toString('base64') },
    },
    { subresource: 'status' },
  );
  return asked;
}

const clientSigner = 'kubernetes.io/kube-apiserver-client-kubelet';
const servingSigner = 'kubernetes.io/kubelet-serving';

describe('the way to a plain API server', () => {
  test('asks for certificates as a kubelet does, and starts without asking next time', async () => {
    const o = await starting();
    const [way, asked] = await Promise.all([plainWay(o), sign(clientSigner)]);
    expect(asked.spec).toMatchObject({ usages: ['digital signature', 'client auth'] });
    const renewal = startRenewal(doors);
    const first = await way?.identities(renewal);
    const [own, held] = [first?.kubeletServing.cert ?? '', first?.kubelet.cert ?? ''].map(
      (cert) => new X509Certificate(cert),
    );
    expect(held?.subject.split('\n')).toEqual(['O=system:nodes', 'CN=system:node:boat']);
    expect(own?.checkIP('10.0.0.7')).toBeTruthy();
    expect(way).toMatchObject({ packets: false, clientCa: dev.ca.cert });
    // The second look asks for the serving certificate, and nothing waits for it.
    expect((await way?.identities(renewal))?.kubeletServing).toEqual(first?.kubeletServing);
    const serving = await sign(servingSigner);
    expect(serving.spec.username).toBe('system:node:boat');
    const bySigner = async (): Promise<boolean> => {
      const shown = (await way?.identities(renewal))?.kubeletServing.cert ?? '';
      return new X509Certificate(shown).verify(new X509Certificate(dev.ca.cert).publicKey);
    };
    await expect.poll(bySigner).toBe(true);
    for (const part of way?.parts ?? []) await part.stop();
    await renewal.stop();
    await dev.api.close();
    const again = await plainWay(o);
    expect((await again?.identities(renewal))?.kubelet).toEqual(first?.kubelet);
    for (const part of again?.parts ?? []) await part.stop();
    expect((await readdir(join(root, 'agent'))).filter((f) => f.includes('asked'))).toEqual([]);
  });

  test('a request that is denied ends the start, in one line', async () => {
    const o = await starting();
    const way = plainWay(o);
    const denied = expect(way).rejects.toThrow(/^the request node-csr-\w+ was denied: not here$/);
    await expect.poll(async () => (await requests()).length).toBe(1);
    const [asked] = await requests();
    const condition = { type: 'Denied', status: 'True', reason: 'Test', message: 'not here' };
    await client.update(
      ref,
      { ...asked, status: { conditions: [condition] } },
      { subresource: 'approval' },
    );
    await denied;
  });

  test.each<[string, () => string, AgentConfig['told'], RegExp]>([
    [
      'the kubeconfig of another node',
      () => {
        const doorsOf = { nowMs: doors.clock.now(), random: realRandom };
        const other = issueCert({
          ...doorsOf,
          ca: dev.ca,
          cn: 'system:node:ship',
          orgs: ['system:nodes'],
          usages: ['client'],
        });
        return kubeconfig({ server: dev.url, ca: dev.ca.cert, ...other });
      },
      {},
      /of another node, ship/,
    ],
    [
      'a server that proves nothing',
      () =>
        dev.kubeconfig.replace(/certificate-authority-data: .*/, 'insecure-skip-tls-verify: true'),
      {},
      /proves nothing/,
    ],
    [
      'an overlay in a cluster that tells nothing',
      () => nodesOwn('boat'),
      { backend: 'vxlan' },
      /needs to know more of the cluster/,
    ],
  ])('%s is refused', async (_what, text, told, message) => {
    await expect(plainWay(await starting(text(), told))).rejects.toThrow(message);
  });

  test('what ends soon is asked for anew, and nothing waits for it', async () => {
    const way = await plainWay(await starting(nodesOwn('boat', 60_000)));
    const renewal = startRenewal(doors);
    const first = await way?.identities(renewal);
    expect((await way?.identities(renewal))?.kubelet).toEqual(first?.kubelet);
    expect((await sign(clientSigner)).spec.username).toBe('system:node:boat');
    await expect
      .poll(async () => (await way?.identities(renewal))?.kubelet.cert)
      .not.toBe(first?.kubelet.cert);
    for (const part of way?.parts ?? []) await part.stop();
    await renewal.stop();
  });

  test("a kubelet's own kubeconfig is enough", async () => {
    const way = await plainWay(await starting(nodesOwn('boat')));
    expect(way?.packets).toBe(false);
    expect(await requests()).toEqual([]);
    for (const part of way?.parts ?? []) await part.stop();
  });
});

function nodesOwn(name: string, lifeMs?: number): string {
  const own = issueCert({
    ...(lifeMs !== undefined && { lifeMs }),
    nowMs: doors.clock.now(),
    random: realRandom,
    ca: dev.ca,
    cn: `system:node:${name}`,
    orgs: ['system:nodes'],
    usages: ['client'],
  });
  return kubeconfig({ server: dev.url, ca: dev.ca.cert, ...own });
}
