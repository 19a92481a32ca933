import { expect, it } from 'vitest';
import { rcodes, types } from '../../wire/dns/message.ts';
import { DnsCounts } from './dns-counts.ts';

it('counts questions and answers under the names that dashboards know', () => {
  const counts = new DnsCounts();
  counts.asked('udp', types.A);
  counts.asked('udp', types.A);
  counts.asked('tcp', 65_000);
  counts.answered('udp', types.A, rcodes.NXDOMAIN);
  const place = 'server="dns://:53",zone=".",view=""';
  const lines = counts.text().split('\n');
  expect(lines).toContain(`coredns_dns_requests_total{family="1",proto="udp",${place},type="A"} 2`);
  // Types are a stranger's to choose: they make no series of their own.
  expect(lines).toContain(
    `coredns_dns_requests_total{family="1",proto="tcp",${place},type="other"} 1`,
  );
  expect(lines).toContain(
    `coredns_dns_responses_total{family="1",proto="udp",rcode="NXDOMAIN",${place},type="A"} 1`,
  );
});
