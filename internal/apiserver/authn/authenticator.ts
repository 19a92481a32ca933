import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import { fieldsOf, type KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import type { ServerRequest } from '../../io/https-server.ts';
import { keyOf as storeKey, type Store } from '../../store/store.ts';
import type { UserInfo } from './user.ts';
import { objectOf } from '../registry/stored.ts';
import type { BootstrapTokens } from './bootstrap-tokens.ts';
import { extraHeaders } from './impersonation.ts';
import {
  leewayMs,
  userOfToken,
  type ServiceAccountTokens,
  type VerifiedToken,
} from './service-account-tokens.ts';
import { withAuthenticated, type CertificateAuthenticator } from './x509.ts';

export const anonymous: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/**
 * Longer texts are no token: no issuer makes one that a header of an ordinary server would hold.
 */
const maxTokenLength = 64 * 1024;

export interface AuthenticatorOptions {
  store: Store;
  certificates: CertificateAuthenticator;
  /** Header users of the aggregation front proxy. */
  frontProxy?: { certificates: CertificateAuthenticator; allowedNames: readonly string[] };
  tokens: ServiceAccountTokens;
  bootstrap: BootstrapTokens;
  staticTokens: Readonly<Record<string, UserInfo>>;
  anonymous: boolean;
  /**
   * Issuers of users' tokens, and where nobody in particular may ask, as they are configured at the
   * moment.
   */
  configured?: ConfiguredAuthentication;
}

export interface ConfiguredAuthentication {
  userOf(token: string): Promise<UserInfo | undefined>;
  /** Undefined = the flag decides. */
  allowsAnonymous(path: string): boolean | undefined;
}

/** The user of a request: from its certificate, then its bearer token, then anonymous. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  async authenticate(
    request: Pick<ServerRequest, 'headers' | 'url'>,
    socket: object,
  ): Promise<UserInfo> {
    const byProxy = this.#fromFrontProxy(request, socket);
    if (byProxy) return byProxy;
    const shown = this.#options.certificates.shownBy(socket);
    if (shown && 'user' in shown && shown.user) return shown.user;
    const token = bearer(request);
    if (token !== undefined) {
      const known =
        token.length <= maxTokenLength ? await this.userOf(token, undefined) : undefined;
      if (known) return known.user;
    }
    // Bad credentials are refused; only a request without any is anonymous.
    if (token !== undefined || (shown && 'error' in shown) || !this.#allowsAnonymous(request))
      throw unauthorized();
    return anonymous;
  }

  #allowsAnonymous({ url = '/' }: Pick<ServerRequest, 'url'>): boolean {
    return (
      this.#options.configured?.allowsAnonymous(url.split('?', 1)[0] ?? '') ??
      this.#options.anonymous
    );
  }

  /** The user of a bearer token; `audiences` undefined = this API server. */
  async userOf(
    token: string,
    audiences: readonly string[] | undefined,
  ): Promise<{ user: UserInfo; audiences: string[] } | undefined> {
    const { staticTokens, tokens, bootstrap, configured } = this.#options;
    const wanted = audiences?.length ? audiences : tokens.audiences;
    // Tokens that name no audience are for this server and nobody else.
    const forServer = (
      user: UserInfo | undefined,
    ): { user: UserInfo; audiences: string[] } | undefined => {
      const shared = wanted.filter((one) => tokens.audiences.includes(one));
      return user && shared.length > 0
        ? { user: withAuthenticated(user), audiences: shared }
        : undefined;
    };
    if (Object.hasOwn(staticTokens, token)) return forServer(staticTokens[token]);
    if (/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token)) return forServer(await bootstrap.userOf(token));
    if (!token.startsWith('eyJ')) return undefined;
    const verified = await tokens.verify(token);
    if (!verified) return forServer(await configured?.userOf(token));
    const shared = verified.audiences.filter((one) => wanted.includes(one));
    if (shared.length === 0 || !(await this.#alive(verified, token))) return undefined;
    return { user: userOfToken(verified), audiences: shared };
  }

  /** The account, and what the token is bound to, must still be what they were. */
  async #alive(verified: VerifiedToken, token: string): Promise<boolean> {
    const { namespace, name, uid, pod, secret, node } = verified.subject;
    if (!(await this.#has(registryKey(refs.serviceAccounts, namespace, name), uid))) return false;
    if (verified.secretName !== undefined)
      return await this.#isKept(namespace, verified.secretName, token);
    if (pod && !(await this.#has(registryKey(refs.pods, namespace, pod.name), pod.uid)))
      return false;
    if (secret && !(await this.#has(registryKey(refs.secrets, namespace, secret.name), secret.uid)))
      return false;
    return (
      !node || Boolean(pod) || (await this.#has(registryKey(refs.nodes, '', node.name), node.uid))
    );
  }

  /** Still there, and not deleted for longer than clocks may differ. */
  async #has(key: string, uid: string): Promise<boolean> {
    const found = await this.#find(key);
    if (found?.metadata.uid !== uid) return false;
    const { deletionTimestamp } = found.metadata;
    return (
      !deletionTimestamp || Date.parse(deletionTimestamp) >= this.#options.tokens.now() - leewayMs
    );
  }

  /** A token without an end lives in its Secret, and as long as that says so. */
  async #isKept(namespace: string, secretName: string, token: string): Promise<boolean> {
    const secret = await this.#find(registryKey(refs.secrets, namespace, secretName));
    if (
      !secret ||
      secret.metadata.deletionTimestamp ||
      secret.metadata.labels?.['kubernetes.io/legacy-token-invalid-since'] !== undefined
    )
      return false;
    const kept = (fieldsOf(secret)['data'] as Record<string, string> | undefined)?.['token'];
    return kept !== undefined && Buffer.from(kept, 'base64').equals(Buffer.from(token));
  }

  async #find(key: string): Promise<KubeObject | undefined> {
    const kv = (await this.#options.store.range({ key: storeKey(key) })).kvs[0];
    return kv && objectOf(kv);
  }

  #fromFrontProxy(request: Pick<ServerRequest, 'headers'>, socket: object): UserInfo | undefined {
    const proxy = this.#options.frontProxy;
    const name = request.headers['x-remote-user'];
    if (!proxy || typeof name !== 'string') return undefined;
    const peer = proxy.certificates.shownBy(socket);
    if (
      !peer ||
      !('user' in peer) ||
      !peer.user ||
      (proxy.allowedNames.length > 0 && !proxy.allowedNames.includes(peer.user.name))
    )
      return undefined;
    const groups = request.headers['x-remote-group'];
    const uid = request.headers['x-remote-uid'];
    const extra = extraHeaders(request.headers, 'x-remote-extra-');
    return withAuthenticated({
      name,
      ...(typeof uid === 'string' && uid && { uid }),
      groups: groups === undefined ? [] : Array.isArray(groups) ? groups : groups.split(/,\s*/),
      extra,
    });
  }
}

export const unauthorized = (): ApiError => new ApiError('Unauthorized', 'Unauthorized');

/**
 * The token behind `Bearer `; what follows a second blank does not count
 * (authentication/request/bearertoken).
 */
function bearer(request: Pick<ServerRequest, 'headers'>): string | undefined {
  const [scheme = '', token] = (request.headers.authorization ?? '').trim().split(' ', 3);
  if (scheme.toLowerCase() === 'bearer' && token) return token;
  // WebSocket clients in browsers send the token as a subprotocol.
  const protocols = request.headers['sec-websocket-protocol'];
  const found =
    typeof protocols === 'string'
      ? /base64url\.bearer\.authorization\.k8s\.io\.([\w-]+)/.exec(protocols)
      : null;
  return found?.[1] ? Buffer.from(found[1], 'base64url').toString() : undefined;
}
