import { describe, expect, it } from 'vitest';
import { BackendTlsPolicies, namedAuthorities } from './backend-tls.ts';
import type { BackendTlsPolicy, Gateway } from './types.ts';

type Validation = BackendTlsPolicy['spec']['validation'];
const ca = (name: string, kind = 'ConfigMap') => [{ group: '', kind, name }];
const policy = (
  name: string,
  validation: Partial<Validation> = {},
  target: object = {},
  options?: Record<string, string>,
): BackendTlsPolicy => ({
  metadata: { name, namespace: 'shop' },
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: 'web', ...target }],
    validation: { hostname: 'a.test', caCertificateRefs: ca('ca'), ...validation },
    ...(options && { options }),
  },
});
const policies = (...all: BackendTlsPolicy[]): BackendTlsPolicies =>
  new BackendTlsPolicies({
    backendTlsPolicies: all,
    authority: (namespace, name) => (namespace === 'shop' && name === 'ca' ? 'PEM' : undefined),
  });
const reasons = ({ found }: BackendTlsPolicies): string[] =>
  found.map(({ conditions }) => conditions.map(({ reason }) => reason).join(' '));

describe('BackendTLSPolicies', () => {
  it('say how a port of a Service is spoken to; a named port goes before all', () => {
    const all = policies(
      policy('all'),
      policy('one', { hostname: 'b.test' }, { sectionName: 'x' }),
    );
    expect(reasons(all)).toEqual(['Accepted ResolvedRefs', 'Accepted ResolvedRefs']);
    const said = { hostname: 'a.test', authority: 'PEM' };
    expect(all.of('shop', 'web', undefined)).toEqual(said);
    expect(all.of('shop', 'web', 'y')).toEqual(said);
    expect(all.of('shop', 'web', 'x')).toMatchObject({ hostname: 'b.test' });
    expect(all.of('shop', 'other', 'x')).toBeUndefined();
    expect(all.of('far', 'web', 'x')).toBeUndefined();
  });

  it('yield to an older one for the same', () => {
    const all = policies(policy('b', { hostname: 'b.test' }), policy('a'));
    expect(reasons(all)).toEqual(['Accepted ResolvedRefs', 'Conflicted']);
    expect(all.of('shop', 'web', undefined)).toMatchObject({ hostname: 'a.test' });
  });

  it.each<[string, BackendTlsPolicy, string]>([
    ['no such ConfigMap', policy('p', { caCertificateRefs: ca('none') }), 'NoValidCACertificate'],
    ['another kind', policy('p', { caCertificateRefs: ca('ca', 'Odd') }), 'NoValidCACertificate'],
    ['two ConfigMaps', policy('p', { caCertificateRefs: [...ca('ca'), ...ca('ca')] }), 'Invalid'],
    ['nobody named', policy('p', { caCertificateRefs: [] }), 'Invalid'],
    [
      'names of its maker',
      policy('p', { caCertificateRefs: [], wellKnownCACertificates: 'Odd' }),
      'Invalid',
    ],
    ['a URI', policy('p', { subjectAltNames: [{ type: 'URI', uri: 'spiffe://a' }] }), 'Invalid'],
    [
      'a word of a command',
      policy('p', { subjectAltNames: [{ type: 'Hostname', hostname: 'a verify none' }] }),
      'Invalid',
    ],
    ['another word of a command', policy('p', { hostname: 'a) verify none' }), 'Invalid'],
    ['options', policy('p', {}, {}, { a: 'b' }), 'Invalid'],
  ])('refuse what cannot be checked: %s', (_what, one, reason) => {
    const all = policies(one);
    expect(reasons(all)[0]?.split(' ')[0]).toBe(reason);
    expect(all.of('shop', 'web', undefined)).toBe('refused');
  });

  it('are about the Gateways that lead to their Services', () => {
    const all = policies(policy('p'));
    const gateway = { metadata: { name: 'web' } } as Gateway;
    all.reached(gateway, 'shop', 'web');
    all.reached(gateway, 'shop', 'web');
    all.reached(gateway, 'shop', 'other');
    expect(all.found[0]?.ancestors).toEqual([gateway]);
  });

  it('name the ConfigMaps that nodes may read', () => {
    expect(
      namedAuthorities([policy('p'), policy('q', { caCertificateRefs: ca('s', 'Secret') })]),
    ).toEqual(['shop/ca']);
  });
});
