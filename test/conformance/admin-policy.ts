/**
 * Runs the Network Policy API's own conformance tests against a cluster, and writes one line a
 * test.
 *
 *     node test/conformance/admin-policy.ts --instruments DIR --kubeconfig FILE [--out DIR]
 *         [--table FILE]
 *
 * DIR has `admin-policy.test`, made by `go test -c sigs.k8s.io/network-policy-api/conformance`;
 * the cluster has two nodes or more.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runGoSuite } from './go-suite.ts';

const { values } = parseArgs({
  options: {
    instruments: { type: 'string' },
    kubeconfig: { type: 'string' },
    out: { type: 'string', default: 'conformance-out' },
    table: { type: 'string' },
  },
});
if (!values.instruments || !values.kubeconfig) {
  process.stderr.write(
    'usage: admin-policy.ts --instruments DIR --kubeconfig FILE [--out DIR] [--table FILE]\n',
  );
  process.exit(1);
}
process.exitCode = await runGoSuite({
  program: join(resolve(values.instruments), 'admin-policy.test'),
  args: ['--supported-features=AdminNetworkPolicy,BaselineAdminNetworkPolicy'],
  kubeconfig: values.kubeconfig,
  out: values.out,
  name: 'admin-policy',
  table: values.table,
  heading: 'Three nodes, Network Policy API v0.1.7 (standard) without SCTP, its suite in one go',
});
