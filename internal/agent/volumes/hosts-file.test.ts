import { describe, expect, it } from 'vitest';
import { hostNetworkHostsFile, podHostsFile } from './hosts-file.ts';

describe('/etc/hosts', () => {
  it('has the pod and its aliases', () => {
    const text = podHostsFile({
      ips: ['10.42.0.5'],
      hostname: 'web',
      domain: 'sub.ns.svc.cluster.local',
      aliases: [
        { ip: '1.2.3.4', hostnames: ['a', 'b.example'] },
        { ip: '::2', hostnames: ['c'] },
      ],
    });
    expect(text).toContain('10.42.0.5\tweb.sub.ns.svc.cluster.local\tweb\n');
    expect(text).toContain('\n# Entries added by HostAliases.\n1.2.3.4\ta\tb.example\n::2\tc\n');
  });

  it.each([
    ['an address of two lines', { ip: '1.2.3.4\n6.6.6.6 bank.com', hostnames: ['a'] }],
    ['a name of two lines', { ip: '1.2.3.4', hostnames: ['a\n6.6.6.6 bank.com'] }],
    ['two names in one', { ip: '1.2.3.4', hostnames: ['a bank.com'] }],
    ['a comment', { ip: '#1.2.3.4', hostnames: ['bank.com'] }],
    ['no name', { ip: '1.2.3.4', hostnames: [] }],
    ['no address', { ip: '', hostnames: ['bank.com'] }],
  ])('leaves out %s, and nothing else', (_what, alias) => {
    const good = { ip: '9.9.9.9', hostnames: ['good'] };
    for (const text of [
      podHostsFile({ ips: [], hostname: 'h', domain: '', aliases: [alias, good] }),
      hostNetworkHostsFile('127.0.0.1 localhost\n', [alias, good]),
    ]) {
      expect(text.endsWith('# Entries added by HostAliases.\n9.9.9.9\tgood\n')).toBe(true);
      expect(text).not.toContain('bank.com');
    }
  });
});
