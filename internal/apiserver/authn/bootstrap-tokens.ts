import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import { fieldsOf } from '../../api/object.ts';
import { own } from '../../base/own.ts';
import { timingSafeEqual } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { keyOf as storeKey, type Store } from '../../store/store.ts';
import type { UserInfo } from './user.ts';
import { objectOf } from '../registry/stored.ts';

/** Tokens `id.secret` kept as Secrets of type bootstrap.kubernetes.io/token in kube-system. */
export class BootstrapTokens {
  readonly #store: Store;
  readonly #now: () => number;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async userOf(token: string): Promise<UserInfo | undefined> {
    const [id = '', secret = ''] = token.split('.');
    const kv = (
      await this.#store.range({
        key: storeKey(registryKey(refs.secrets, 'kube-system', `bootstrap-token-${id}`)),
      })
    ).kvs[0];
    if (!kv) return undefined;
    const object = objectOf(kv);
    const data = (fieldsOf(object)['data'] ?? {}) as Record<string, string>;
    const text = (key: string): string => Buffer.from(own(data, key) ?? '', 'base64').toString();
    if (
      fieldsOf(object)['type'] !== 'bootstrap.kubernetes.io/token' ||
      object.metadata.deletionTimestamp
    )
      return undefined;
    if (text('token-id') !== id || !equal(text('token-secret'), secret)) return undefined;
    const expires = text('expiration');
    if (expires && !(Date.parse(expires) > this.#now())) return undefined;
    if (text('usage-bootstrap-authentication') !== 'true') return undefined;
    const more = text('auth-extra-groups')
      .split(',')
      .filter((group) => /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/.test(group));
    return {
      name: `system:bootstrap:${id}`,
      groups: ['system:bootstrappers', ...more, 'system:authenticated'],
    };
  }
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
