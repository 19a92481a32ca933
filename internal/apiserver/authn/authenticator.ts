import { own } from '../../base/own.ts';
import { ApiError } from '../../api/status.ts';
import type { ServerRequest } from '../../io/https-server.ts';
import { keyOf as storeKey, type Store } from '../../store/store.ts';
import type { UserInfo } from '../options.ts';
import { objectOf } from '../registry/stored.ts';
import type { BootstrapTokens } from './bootstrap-tokens.ts';
import { extraKey } from './impersonation.ts';
import { userOfToken, type ServiceAccountTokens, type VerifiedToken } from './service-account-tokens.ts';
import type { CertificateAuthenticator } from './x509.ts';

export const anonymous: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

export interface AuthenticatorOptions {
  store: Store;
  certificates: CertificateAuthenticator;
  /** Header users of the aggregation front proxy. */
  frontProxy?: { certificates: CertificateAuthenticator; allowedNames: readonly string[] };
  tokens: ServiceAccountTokens;
  bootstrap: BootstrapTokens;
  staticTokens: Readonly<Record<string, UserInfo>>;
  anonymous: boolean;
}

/** Who sends a request: certificate, then bearer token, then anonymous. A token that is no good is an error, not an anonymous request. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  async authenticate(request: Pick<ServerRequest, 'headers'>, socket: object): Promise<UserInfo> {
    const byProxy = this.#fromFrontProxy(request, socket);
    if (byProxy) return byProxy;
    const byCertificate = this.#options.certificates.userOf(socket);
    if (byCertificate) return byCertificate;
    const token = bearer(request);
    if (token !== undefined) {
      const user = await this.userOf(token, undefined);
      if (!user) throw unauthorized();
      return user.user;
    }
    if (!this.#options.anonymous) throw unauthorized();
    return anonymous;
  }

  /** The user of a bearer token; `audiences` undefined = this API server. */
  async userOf(token: string, audiences: readonly string[] | undefined): Promise<{ user: UserInfo; audiences: string[] } | undefined> {
    const known = own(this.#options.staticTokens, token);
    if (known) return { user: { ...known, groups: withAuthenticated(known.groups) }, audiences: [...(audiences ?? [])] };
    if (/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token)) {
      const user = await this.#options.bootstrap.userOf(token);
      return user ? { user, audiences: [...(audiences ?? [])] } : undefined;
    }
    if (!token.startsWith('eyJ')) return undefined;
    const verified = await this.#options.tokens.verify(token);
    if (!verified) return undefined;
    const wanted = audiences?.length ? audiences : this.#options.tokens.audiences;
    const shared = verified.audiences.filter((one) => wanted.includes(one));
    if (shared.length === 0 || !(await this.#alive(verified))) return undefined;
    return { user: userOfToken(verified), audiences: shared };
  }

  /** The account, and what the token is bound to, must still be what they were. */
  async #alive(token: VerifiedToken): Promise<boolean> {
    const { namespace, name, uid, pod, secret, node } = token.subject;
    if (!(await this.#has(`/registry/serviceaccounts/${namespace}/${name}`, uid))) return false;
    if (pod && !(await this.#has(`/registry/pods/${namespace}/${pod.name}`, pod.uid))) return false;
    if (secret && !(await this.#has(`/registry/secrets/${namespace}/${secret.name}`, secret.uid))) return false;
    return !node || Boolean(pod) || (await this.#has(`/registry/minions/${node.name}`, node.uid));
  }

  async #has(key: string, uid: string): Promise<boolean> {
    const kv = (await this.#options.store.range({ key: storeKey(key) })).kvs[0];
    return kv !== undefined && objectOf(kv).metadata.uid === uid;
  }

  #fromFrontProxy(request: Pick<ServerRequest, 'headers'>, socket: object): UserInfo | undefined {
    const proxy = this.#options.frontProxy;
    const name = request.headers['x-remote-user'];
    if (!proxy || typeof name !== 'string') return undefined;
    const peer = proxy.certificates.userOf(socket);
    if (!peer || (proxy.allowedNames.length > 0 && !proxy.allowedNames.includes(peer.name))) return undefined;
    const groups = request.headers['x-remote-group'];
    const extra: Record<string, string[]> = {};
    for (const [key, value] of Object.entries(request.headers)) {
      if (key.startsWith('x-remote-extra-') && value !== undefined) extra[extraKey(key.slice(15))] = Array.isArray(value) ? value : [value];
    }
    return { name, groups: withAuthenticated(groups === undefined ? [] : Array.isArray(groups) ? groups : groups.split(/,\s*/)), extra };
  }
}

export const unauthorized = (): ApiError => new ApiError('Unauthorized', 'Unauthorized');

function bearer(request: Pick<ServerRequest, 'headers'>): string | undefined {
  const value = request.headers.authorization;
  if (value) {
    const match = /^Bearer\s+(\S+)\s*$/i.exec(value);
    return match?.[1];
  }
  // WebSocket clients in browsers send the token as a subprotocol.
  const protocols = request.headers['sec-websocket-protocol'];
  const found = typeof protocols === 'string' ? /base64url\.bearer\.authorization\.k8s\.io\.([\w-]+)/.exec(protocols) : null;
  return found?.[1] ? Buffer.from(found[1], 'base64url').toString() : undefined;
}

function withAuthenticated(groups: readonly string[]): string[] {
  return groups.includes('system:authenticated') ? [...groups] : [...groups, 'system:authenticated'];
}
