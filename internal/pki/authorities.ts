import { allEnded } from '../base/all-ended.ts';
import { isAddress } from '../base/addresses.ts';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Log } from '../io/log.ts';
import { redated } from './authority-dates.ts';
import type { Clock } from '../io/clock.ts';
import { tookNothing, type Disk } from '../io/disk.ts';
import type { Random } from '../io/random.ts';
import {
  authorityOf,
  issueCa,
  issueCert,
  lives,
  newKeyPem,
  type CertRequest,
  type Identity,
} from './certificate.ts';
import { nodeRequest } from './node-certificates.ts';
import {
  authorityHint,
  certificateFault,
  damaged,
  privateKeyFault,
  readAuthority,
  readPair,
  store,
} from './pair-files.ts';

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
  /** Told of what was healed. */
  log?: Log;
}

type LeafName =
  | 'apiServer'
  | 'admin'
  | 'kubeletClient'
  | 'authProxy'
  | 'controllers'
  | 'scheduler'
  | 'proxy';

/**
 * A leaf is issued again when so much of a life is left; it may begin long before it was issued.
 */
const renewBeforeMs = lives.leafMs / 3;
/** Less is not worth another certificate: an authority that ends soon gives no longer life. */
const worthMs = 24 * 3600 * 1000;

export type Authorities = Pick<
  ServerIdentities,
  'serverCa' | 'clientCa' | 'requestHeaderCa' | 'serviceKey'
>;

export interface AuthorityOptions extends Doors {
  dir: string;
  /**
   * There is a cluster that rests on these authorities: what is missing was lost, and is not made
   * again.
   */
  mustExist?: boolean;
  /** Nobody else has them: dates of a wrong clock may be put right. Else that is only said. */
  alone?: boolean;
}

/**
 * What all servers of a cluster have in common, below `dir` (server/tls); made when it is not
 * there.
 */
export async function loadOrCreateAuthorities(options: AuthorityOptions): Promise<Authorities> {
  const { dir, disk } = options;
  await disk.makeDir('tls dir', dir, 0o700);
  const ca = (file: string): Promise<Identity> => loadOrMakeAuthority(options, file, 'skiff');
  const [serverCa, clientCa, requestHeaderCa, serviceKey] = await allEnded([
    ca('server-ca'),
    ca('client-ca'),
    ca('request-header-ca'),
    loadOrMakeKey(options),
  ]);
  return { serverCa, clientCa, requestHeaderCa, serviceKey };
}

/** One authority, `<file>.crt` and `<file>.key`; when it is made its name begins with `maker`. */
export async function loadOrMakeAuthority(
  options: AuthorityOptions,
  file: string,
  maker: string,
): Promise<Identity> {
  const { dir, disk, clock, random, mustExist = false } = options;
  const found = await readAuthority(disk, dir, file, { begun: !mustExist });
  if (found) return await redated(options, file, found);
  if (mustExist)
    throw damaged({
      file: join(dir, `${file}.crt`),
      what: 'is missing, and the cluster of this data directory rests on it',
    });
  const issuing = { nowMs: clock.now(), earliestMs: clock.earliestMs(), random };
  const stamp = Math.floor(Math.max(issuing.nowMs, issuing.earliestMs) / 1000);
  return await store(
    disk,
    dir,
    file,
    issueCa({ ...issuing, cn: `${maker}-${file.replace(/-ca$/, '')}-ca@${stamp}` }),
  );
}

/**
 * Reads the identities below `dir` (server/tls), issuing what is missing, ends soon or lacks a
 * name.
 */
export async function loadOrCreateServer(
  options: AuthorityOptions & { serverNames: string[] },
): Promise<ServerIdentities> {
  const authorities = await loadOrCreateAuthorities(options);
  const { serverCa, clientCa, requestHeaderCa } = authorities;
  const leaves: Record<LeafName, { file: string; ca: Identity; request: CertRequest }> = {
    apiServer: {
      file: 'serving-kube-apiserver',
      ca: serverCa,
      request: { cn: 'kube-apiserver', sans: options.serverNames, usages: ['server'] },
    },
    admin: {
      file: 'client-admin',
      ca: clientCa,
      request: { cn: 'system:admin', orgs: ['system:masters'], usages: ['client'] },
    },
    kubeletClient: {
      file: 'client-kube-apiserver',
      ca: clientCa,
      request: { cn: 'system:apiserver', orgs: ['system:masters'], usages: ['client'] },
    },
    authProxy: {
      file: 'client-auth-proxy',
      ca: requestHeaderCa,
      request: { cn: 'system:auth-proxy', usages: ['client'] },
    },
    controllers: {
      file: 'client-controller',
      ca: clientCa,
      request: { cn: 'system:kube-controller-manager', usages: ['client'] },
    },
    scheduler: {
      file: 'client-scheduler',
      ca: clientCa,
      request: { cn: 'system:kube-scheduler', usages: ['client'] },
    },
    proxy: {
      file: 'client-kube-proxy',
      ca: clientCa,
      request: { cn: 'system:kube-proxy', usages: ['client'] },
    },
  };
  const leaf = (name: LeafName): Promise<Identity> => loadOrIssue({ ...options, ...leaves[name] });
  const [apiServer, admin, kubeletClient, authProxy, controllers, scheduler, proxy] =
    await allEnded([
      leaf('apiServer'),
      leaf('admin'),
      leaf('kubeletClient'),
      leaf('authProxy'),
      leaf('controllers'),
      leaf('scheduler'),
      leaf('proxy'),
    ]);
  return {
    ...authorities,
    apiServer,
    admin,
    kubeletClient,
    authProxy,
    controllers,
    scheduler,
    proxy,
  };
}

/**
 * The certificates of the node that runs in a server's own process, below `dir` (the agent's
 * folder).
 */
export async function loadOrCreateNode(
  options: Doors & {
    dir: string;
    clientCa: Identity;
    serverCa: Identity;
    nodeName: string;
    addresses: string[];
  },
): Promise<NodeIdentities> {
  const { dir, disk } = options;
  await disk.makeDir('agent dir', dir, 0o711);
  const [kubelet, kubeletServing] = await allEnded([
    loadOrIssue({
      ...options,
      file: 'client-kubelet',
      ca: options.clientCa,
      request: nodeRequest('kubelet', options),
    }),
    loadOrIssue({
      ...options,
      file: 'serving-kubelet',
      ca: options.serverCa,
      request: nodeRequest('kubelet-serving', {
        ...options,
        addresses: ['localhost', '127.0.0.1', '::1', ...options.addresses],
      }),
    }),
    disk.writeAtomic('client ca', join(dir, 'client-ca.crt'), options.clientCa.cert),
    disk.writeAtomic('server ca', join(dir, 'server-ca.crt'), options.serverCa.cert),
  ]);
  return { kubelet, kubeletServing };
}

/** When each leaf below `dir` ends, or what is wrong with it, for `skiff certificate check`. */
export async function expiries(
  disk: Disk,
  dir: string,
): Promise<
  { file: string; subject: string; issuer: string; notAfterMs: number; fault?: string }[]
> {
  const found = [];
  for (const file of (await disk.list('certificates', dir))
    .filter((name) => name.endsWith('.crt'))
    .toSorted()) {
    const text = (await disk.read('certificate', join(dir, file))).toString();
    const fault = certificateFault(text);
    if (fault !== undefined) {
      found.push({ file, subject: '-', issuer: '-', notAfterMs: 0, fault });
      continue;
    }
    const cert = new X509Certificate(text);
    found.push({
      file,
      subject: cert.subject.replaceAll('\n', ','),
      issuer: cert.issuer.replaceAll('\n', ','),
      notAfterMs: Date.parse(cert.validTo),
    });
  }
  return found;
}

/**
 * A leaf, `<file>.crt` and `<file>.key`; issued again when it is damaged, due, or no more what is
 * asked for.
 */
export async function loadOrIssue(
  options: Doors & { dir: string; file: string; ca: Identity; request: CertRequest },
): Promise<Identity> {
  const { disk, dir, file, ca, request, clock, random, log } = options;
  const found = await readPair(disk, dir, file);
  if (found && 'fault' in found)
    log?.warn('a certificate is issued again', {
      file: found.fault.file,
      because: found.fault.what,
    });
  if (found && 'pair' in found && issuedFor(found.pair, { ca: ca.cert, request, clock }))
    return found.pair;
  const issuing = { nowMs: clock.now(), earliestMs: clock.earliestMs(), random };
  const issued = issueCert({ ...issuing, ca, ...request });
  try {
    return await store(disk, dir, file, issued);
  } catch (error) {
    // It is as good in memory, and issued again by the next start.
    if (!tookNothing(error)) throw error;
    log?.warn('a certificate is kept in memory only', { file, error: messageOf(error) });
    return issued;
  }
}

/**
 * Whether a leaf needs no renewal: its issuer is ours, its life is young, and it holds every name
 * asked for.
 */
export function issuedFor(
  identity: Identity,
  { ca, request, clock }: { ca: string; request: CertRequest; clock: Clock },
): boolean {
  const cert = new X509Certificate(identity.cert);
  // The chain that is shown ends in the authority as it is now.
  if (!identity.cert.endsWith(ca) || !cert.verify(new X509Certificate(ca).publicKey)) return false;
  const [nowMs, from, to] = [clock.now(), Date.parse(cert.validFrom), Date.parse(cert.validTo)];
  // From the future: the clock was ahead when it was issued, or is behind now. Those who go by the
  // same clock refuse it either way.
  if (nowMs < from) return false;
  const best = Math.min(
    Math.max(nowMs, clock.earliestMs()) + lives.leafMs,
    authorityOf(ca).notAfterMs,
  );
  if (nowMs > to - renewBeforeMs && (nowMs >= to || best - to > worthMs)) return false;
  if (!cert.subject.split('\n').includes(`CN=${request.cn}`)) return false;
  return (request.sans ?? []).every(
    (name) => (isAddress(name) ? cert.checkIP(name) : cert.checkHost(name)) !== undefined,
  );
}

/** service.key: what signs the tokens of service accounts. */
async function loadOrMakeKey({ disk, dir, mustExist = false }: AuthorityOptions): Promise<string> {
  const path = join(dir, 'service.key');
  const found = (await disk.readIfThere('service key', path))?.toString();
  const fault =
    found === undefined
      ? mustExist
        ? 'is missing, and tokens of this cluster were signed with it'
        : undefined
      : privateKeyFault(found);
  if (fault !== undefined)
    throw new ConfigError(`${path} ${fault}`, { op: 'pki', hint: authorityHint });
  if (found !== undefined) return found;
  const key = newKeyPem();
  await disk.writeAtomic('service key', path, key, { mode: 0o600 });
  return key;
}
