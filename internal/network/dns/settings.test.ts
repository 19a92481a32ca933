import { describe, expect, it } from 'vitest';
import { noSettings, parseSettings, recordsOf } from './settings.ts';

const read = (data: Record<string, string> | undefined) => {
  const said: string[] = [];
  const leftOut = (what: string): void => void said.push(what);
  return { ...parseSettings(data, { ownAddress: '10.43.0.10', leftOut }), said };
};

describe('the ConfigMap of the cluster DNS', () => {
  it('is nothing when it is not there, or empty', () => {
    expect(read(undefined)).toEqual({ ...noSettings, said: [] });
    expect(read({ hosts: '\n# nobody\n', upstreamNameservers: ' ' }).said).toEqual([]);
  });

  it('names resolvers, of all names and of some', () => {
    const found = read({
      upstreamNameservers: '["192.0.2.1", "192.0.2.2:5353", "2001:db8::1"]',
      stubDomains: '{"corp.example": ["10.0.0.53"], "A.corp.example.": ["10.0.0.54"]}',
    });
    expect(found.said).toEqual([]);
    expect(found.upstreams).toEqual(['192.0.2.1', '192.0.2.2:5353', '2001:db8::1']);
    expect(found.stubs).toEqual([
      { domain: 'a.corp.example', resolvers: ['10.0.0.54'] },
      { domain: 'corp.example', resolvers: ['10.0.0.53'] },
    ]);
  });

  it('gives names addresses, and what other names have', () => {
    const found = read({
      hosts: '10.0.0.5 nas.home NAS # the box\n10.0.0.6 nas.home\n2001:db8::5 nas.home\n',
      rewrite: 'db.old.example db.shop.svc.cluster.local.\n',
    });
    expect(found.said).toEqual([]);
    const of = (name: string, type: string) => recordsOf(found, name, type)?.map((r) => r.data);
    expect(of('nas.home', 'A')).toEqual(['10.0.0.5', '10.0.0.6']);
    expect(of('nas.home', 'AAAA')).toEqual(['2001:db8::5']);
    expect(of('nas', 'A')).toEqual(['10.0.0.5']);
    expect(of('nas', 'TXT')).toEqual([]);
    expect(of('nas.home.', 'A')).toBeUndefined();
    expect(of('constructor', 'A')).toBeUndefined();
    expect(of('db.old.example', 'A')).toEqual(['db.shop.svc.cluster.local']);
  });

  it.each<[string, string]>([
    ['upstreamNameservers', '192.0.2.1'],
    ['upstreamNameservers', '["dns.example"]'],
    ['upstreamNameservers', '["10.43.0.10"]'],
    ['upstreamNameservers', '["192.0.2.1:70000"]'],
    ['upstreamNameservers', '["192.0.2.1:53:53"]'],
    ['upstreamNameservers', '[3]'],
    ['upstreamNameservers', 'null'],
    ['stubDomains', '{"a b": ["192.0.2.1"]}'],
    ['stubDomains', '{"corp.example": "192.0.2.1"}'],
    ['stubDomains', '{"corp.example": []}'],
    ['hosts', 'nas 10.0.0.5'],
    ['hosts', '10.0.0.5'],
    ['hosts', '10.0.0.5 a..b'],
    ['rewrite', 'a'],
    ['rewrite', 'a a'],
    ['rewrite', 'a b c'],
  ])('leaves out %s: %s, and says so', (key, text) => {
    const found = read({ [key]: text });
    expect(found.said).toHaveLength(1);
    expect(found.stubs).toEqual([]);
    expect([...found.hosts, ...found.rewrites]).toEqual([]);
    expect(found.upstreams ?? []).toEqual([]);
  });
});
