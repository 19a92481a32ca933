import { describe, expect, it } from 'vitest';
import { partOf } from '../../base/testing/part-of.ts';
import type { Ingress } from '../generated/types/networking-v1.ts';
import { policyOf, secretsOf } from './annotations.ts';

const ingress = (annotations: Record<string, string>, spec: object = {}): Ingress =>
  partOf<Ingress>({
    metadata: {
      name: 'a',
      namespace: 'shop',
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([name, text]) => [`ingress.skiff/${name}`, text]),
      ),
    },
    spec,
  });
const read = (annotations: Record<string, string>) => {
  const complaints: string[] = [];
  return { ...policyOf(ingress(annotations), complaints), complaints };
};

describe('annotations of an Ingress', () => {
  it.each<[string, string, object]>([
    ['redirect-https', 'true', { redirect: true }],
    ['hsts-seconds', '31536000', { hstsSeconds: 31_536_000 }],
    ['timeout', '90s', { timeoutMs: 90_000 }],
    ['timeout', '250ms', { timeoutMs: 250 }],
    ['timeout', '24h', { timeoutMs: 86_400_000 }],
    ['max-body', '8Mi', { bodyBytes: 8 * 1024 * 1024 }],
    ['max-body', '1000', { bodyBytes: 1000 }],
    ['allow-from', '10.0.0.0/8, 192.168.1.4', { allow: ['10.0.0.0/8', '192.168.1.4/32'] }],
    ['allow-from', 'fd00::/8, ::1', { allow: ['fd00::/8', '::1/128'] }],
    ['cors-origins', '*', { cors: { origins: ['*'], credentials: false, seconds: 600 } }],
    ['cors-origins', 'https://a.example:8443', { cors: { origins: ['https://a.example:8443'] } }],
    ['basic-auth-secrets', 'ann, bob', { users: ['ann', 'bob'] }],
    ['rewrite', '/', { rewrite: '/' }],
    ['requests-per-second', '20', { perSecond: 20 }],
    ['sticky', 'true', { sticky: true }],
  ])('%s: %s', (name, text, expected) => {
    expect(read({ [name]: text })).toMatchObject({ ...expected, closed: false, complaints: [] });
  });

  it.each<[string, string, boolean]>([
    ['redirect-https', 'yes', true],
    ['hsts-seconds', '-1', false],
    ['timeout', '25h', false],
    ['timeout', '5', false],
    ['max-body', '8m', true],
    ['max-body', '9999999999', true],
    ['allow-from', '', true],
    ['allow-from', '10.0.0.0/33', true],
    ['allow-from', '10.0.0.0/8,', true],
    ['allow-from', 'fd00::/129', true],
    ['cors-origins', 'https://a.example/', false],
    ['cors-origins', 'null', false],
    ['cors-origins', 'https://a|b', false],
    ['cors-methods', 'get', false],
    ['cors-headers', 'a b', false],
    ['cors-max-age', '86401', false],
    ['allow-from', Array(65).fill('10.0.0.1').join(), true],
    ['basic-auth-secrets', 'Ann', true],
    ['basic-auth-secrets', '../x', true],
    ['rewrite', 'x', false],
    ['rewrite', '/a%20b', false],
    ['rewrite', '/a|b', false],
    ['rewrite', '/a\nb', false],
    ['requests-per-second', '0', true],
    ['requests-per-second', '1e3', true],
    ['sticky', '1', false],
  ])('%s: %j says nothing; what keeps clients out is closed then: %j', (name, text, closed) => {
    const found = read({ [name]: text });
    expect(found.closed).toBe(closed);
    expect(found.complaints).toEqual([expect.stringContaining(`ingress.skiff/${name}`)]);
  });

  it('name the Secrets that are needed, beside those of certificates', () => {
    const tls = [{ hosts: ['a.test'], secretName: 'cert' }, { hosts: ['b.test'] }];
    expect(secretsOf(ingress({ 'basic-auth-secrets': 'ann' }, { tls }))).toEqual(['cert', 'ann']);
  });
});
