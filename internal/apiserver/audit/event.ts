import { isAddress } from '../../base/addresses.ts';
import type { UserInfo } from '../authn/user.ts';
import type { ServerRequest } from '../../io/https-server.ts';
import type { AuditLevel, Stage } from './policy.ts';

export interface ObjectReference {
  resource?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  apiGroup?: string;
  apiVersion?: string;
  resourceVersion?: string;
  subresource?: string;
}

interface AuditUser {
  username?: string;
  uid?: string;
  groups?: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** audit.k8s.io/v1 Event, its fields in the order kube-apiserver writes them. */
export interface AuditEvent {
  kind: 'Event';
  apiVersion: 'audit.k8s.io/v1';
  level: AuditLevel;
  auditID: string;
  stage: Stage;
  requestURI: string;
  verb: string;
  user: AuditUser;
  impersonatedUser?: AuditUser;
  sourceIPs?: string[];
  userAgent?: string;
  objectRef?: ObjectReference;
  responseStatus?: object;
  requestObject?: unknown;
  responseObject?: unknown;
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  annotations?: Record<string, string>;
}

export function auditUser(user: UserInfo): AuditUser {
  return {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    ...(user.groups.length ? { groups: user.groups } : {}),
    ...(user.extra && Object.keys(user.extra).length ? { extra: user.extra } : {}),
  };
}

const longestAgent = 1024;
const cut = '...TRUNCATED';

export function agentOf(request: ServerRequest): string | undefined {
  const agent = request.headers['user-agent'];
  return agent !== undefined && agent.length > longestAgent
    ? `${agent.slice(0, longestAgent)}${cut}`
    : agent;
}

const longestId = 64;

/** A client may name its request: its own id is kept, as far as it is one. */
export function auditIdOf(request: ServerRequest): string | undefined {
  const given = request.headers['audit-id'];
  return typeof given === 'string' && given !== '' ? given.slice(0, longestId) : undefined;
}

/**
 * Where a request came from: what proxies say, as far as it is addresses, then who is connected
 * (apimachinery net.SourceIPs).
 */
export function sourcesOf(request: ServerRequest): string[] {
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => isAddress(one));
  const real = String(request.headers['x-real-ip'] ?? '');
  const all = [...forwarded];
  if (isAddress(real) && !all.includes(real)) all.push(real);
  const peer = peerOf(request);
  if (peer !== undefined && all.at(-1) !== peer) all.push(peer);
  return all;
}

function peerOf(request: ServerRequest): string | undefined {
  const address = request.socket?.remoteAddress;
  return address === undefined ? undefined : address.replace(/^::ffff:(?=\d+\.)/i, '');
}
