import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Random } from '../io/random.ts';
import { issueCa, issueCert, newKeyPem, type CertRequest, type Identity } from './certificate.ts';

/** Everything a server holds: one entry per file pair below server/tls. */
export interface ServerIdentities {
  serverCa: Identity;
  clientCa: Identity;
  requestHeaderCa: Identity;
  /** Serves 6443. */
  apiServer: Identity;
  /** cluster-admin, for the administrator's kubeconfig. */
  admin: Identity;
  /** The API server as a client of kubelets. */
  kubeletClient: Identity;
  /** The API server as a front proxy of aggregated APIs. */
  authProxy: Identity;
  controllers: Identity;
  scheduler: Identity;
  proxy: Identity;
  /** PEM private key that signs service-account tokens. */
  serviceKey: string;
}

export interface NodeIdentities {
  /** `system:node:<name>` in `system:nodes`. */
  kubelet: Identity;
  /** Serves 10250. */
  kubeletServing: Identity;
}

interface Doors {
  disk: Disk;
  clock: Clock;
  random: Random;
}

type LeafName = 'apiServer' | 'admin' | 'kubeletClient' | 'authProxy' | 'controllers' | 'scheduler' | 'proxy';

/** A leaf is issued again when this part of its life is over. */
const renewAfter = 2 / 3;

export type Authorities = Pick<ServerIdentities, 'serverCa' | 'clientCa' | 'requestHeaderCa' | 'serviceKey'>;

/** What all servers of a cluster have in common, below `dir` (server/tls); made when it is not there. */
export async function loadOrCreateAuthorities(options: Doors & { dir: string }): Promise<Authorities> {
  const { dir, disk, clock, random } = options;
  await disk.makeDir('tls dir', dir, 0o700);
  const issuing = { nowMs: clock.now(), random };
  const stamp = Math.floor(issuing.nowMs / 1000);
  const ca = async (file: string): Promise<Identity> => {
    const found = await readPair(disk, dir, file);
    if (found) return found;
    return await store(disk, dir, file, issueCa({ ...issuing, cn: `skiff-${file.replace(/-ca$/, '')}-ca@${stamp}` }));
  };
  const [serverCa, clientCa, requestHeaderCa, serviceKey] = await Promise.all([ca('server-ca'), ca('client-ca'), ca('request-header-ca'), loadOrMakeKey(disk, join(dir, 'service.key'))]);
  return { serverCa, clientCa, requestHeaderCa, serviceKey };
}

/** Reads the identities below `dir` (server/tls), issuing what is missing, ends soon or lacks a name. */
export async function loadOrCreateServer(options: Doors & { dir: string; serverNames: string[] }): Promise<ServerIdentities> {
  const authorities = await loadOrCreateAuthorities(options);
  const { serverCa, clientCa, requestHeaderCa } = authorities;
  const leaves: Record<LeafName, { file: string; ca: Identity; request: CertRequest }> = {
    apiServer: { file: 'serving-kube-apiserver', ca: serverCa, request: { cn: 'kube-apiserver', sans: options.serverNames, usages: ['server'] } },
    admin: { file: 'client-admin', ca: clientCa, request: { cn: 'system:admin', orgs: ['system:masters'], usages: ['client'] } },
    kubeletClient: { file: 'client-kube-apiserver', ca: clientCa, request: { cn: 'system:apiserver', orgs: ['system:masters'], usages: ['client'] } },
    authProxy: { file: 'client-auth-proxy', ca: requestHeaderCa, request: { cn: 'system:auth-proxy', usages: ['client'] } },
    controllers: { file: 'client-controller', ca: clientCa, request: { cn: 'system:kube-controller-manager', usages: ['client'] } },
    scheduler: { file: 'client-scheduler', ca: clientCa, request: { cn: 'system:kube-scheduler', usages: ['client'] } },
    proxy: { file: 'client-kube-proxy', ca: clientCa, request: { cn: 'system:kube-proxy', usages: ['client'] } },
  };
  const leaf = (name: LeafName): Promise<Identity> => loadOrIssue({ ...options, ...leaves[name] });
  const [apiServer, admin, kubeletClient, authProxy, controllers, scheduler, proxy] = await Promise.all([
    leaf('apiServer'),
    leaf('admin'),
    leaf('kubeletClient'),
    leaf('authProxy'),
    leaf('controllers'),
    leaf('scheduler'),
    leaf('proxy'),
  ]);
  return { ...authorities, apiServer, admin, kubeletClient, authProxy, controllers, scheduler, proxy };
}

/** The certificates of the node that runs in a server's own process, below `dir` (the agent's folder). */
export async function loadOrCreateNode(
  options: Doors & { dir: string; clientCa: Identity; serverCa: Identity; nodeName: string; addresses: string[] },
): Promise<NodeIdentities> {
  const { dir, disk, nodeName } = options;
  await disk.makeDir('agent dir', dir, 0o711);
  const [kubelet, kubeletServing] = await Promise.all([
    loadOrIssue({ ...options, file: 'client-kubelet', ca: options.clientCa, request: { cn: `system:node:${nodeName}`, orgs: ['system:nodes'], usages: ['client'] } }),
    loadOrIssue({
      ...options,
      file: 'serving-kubelet',
      ca: options.serverCa,
      request: { cn: nodeName, sans: [nodeName, 'localhost', '127.0.0.1', '::1', ...options.addresses], usages: ['server'] },
    }),
    disk.writeAtomic('client ca', join(dir, 'client-ca.crt'), options.clientCa.cert),
    disk.writeAtomic('server ca', join(dir, 'server-ca.crt'), options.serverCa.cert),
  ]);
  return { kubelet, kubeletServing };
}

/** When each leaf below `dir` ends, for `skiff certificate check`. */
export async function expiries(disk: Disk, dir: string): Promise<{ file: string; subject: string; issuer: string; notAfterMs: number }[]> {
  const found = [];
  for (const file of (await disk.list('certificates', dir)).filter((name) => name.endsWith('.crt')).toSorted()) {
    const cert = new X509Certificate(await disk.read('certificate', join(dir, file)));
    found.push({ file, subject: cert.subject.replaceAll('\n', ','), issuer: cert.issuer.replaceAll('\n', ','), notAfterMs: Date.parse(cert.validTo) });
  }
  return found;
}

export async function loadOrIssue(options: Doors & { dir: string; file: string; ca: Identity; request: CertRequest }): Promise<Identity> {
  const { disk, dir, file, ca, request } = options;
  const found = await readPair(disk, dir, file);
  if (found && stillGood(found, ca, request, options.clock.now())) return found;
  return await store(disk, dir, file, issueCert({ nowMs: options.clock.now(), random: options.random, ca, ...request }));
}

/** Whether a leaf needs no renewal: its issuer is ours, its life is young, and it holds every name asked for. */
function stillGood(identity: Identity, ca: Identity, request: CertRequest, nowMs: number): boolean {
  try {
    const cert = new X509Certificate(identity.cert);
    if (!cert.verify(new X509Certificate(ca.cert).publicKey)) return false;
    const from = Date.parse(cert.validFrom);
    const to = Date.parse(cert.validTo);
    // A clock before the certificate's birth is a clock without a battery: no reason to issue anything.
    if (nowMs > from + (to - from) * renewAfter) return false;
    if (!cert.subject.split('\n').includes(`CN=${request.cn}`)) return false;
    return (request.sans ?? []).every((name) => (isIP(name) ? cert.checkIP(name) : cert.checkHost(name)) !== undefined);
  } catch {
    return false; // unreadable: issued again
  }
}

export async function readPair(disk: Disk, dir: string, file: string): Promise<Identity | undefined> {
  const [cert, key] = await Promise.all([disk.readIfThere('certificate', join(dir, `${file}.crt`)), disk.readIfThere('key', join(dir, `${file}.key`))]);
  if (cert && key) return { cert: cert.toString(), key: key.toString() };
  if (cert && file.endsWith('-ca')) {
    throw new ConfigError(`${join(dir, file)}.key is missing, but its certificate is there`, { op: 'pki', hint: 'put the key back, or remove both and let every node join again' });
  }
  return undefined;
}

export async function store(disk: Disk, dir: string, file: string, identity: Identity): Promise<Identity> {
  // The key first: a certificate without its key is a fault, a key without its certificate is merely replaced.
  await disk.writeAtomic('key', join(dir, `${file}.key`), identity.key, { mode: 0o600 });
  await disk.writeAtomic('certificate', join(dir, `${file}.crt`), identity.cert, { mode: 0o644 });
  return identity;
}

async function loadOrMakeKey(disk: Disk, path: string): Promise<string> {
  const found = await disk.readIfThere('service key', path);
  if (found) return found.toString();
  const key = newKeyPem();
  await disk.writeAtomic('service key', path, key, { mode: 0o600 });
  return key;
}
