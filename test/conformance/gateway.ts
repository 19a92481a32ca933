/**
 * Runs the Gateway API's own conformance tests against a cluster, and writes one line a test.
 *
 *     node test/conformance/gateway.ts --instruments DIR --kubeconfig FILE [--out DIR]
 *         [--table FILE] [--run-test NAME]
 *
 * DIR has `conformance.test`, made by `go test -c sigs.k8s.io/gateway-api/conformance`; the cluster
 * has that module's image `echo-basic`. What is claimed is read from the GatewayClass.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { supportedFeatures } from '../../internal/controllers/gateway/plan.ts';
import { runGoSuite } from './go-suite.ts';

const { values } = parseArgs({
  options: {
    instruments: { type: 'string' },
    kubeconfig: { type: 'string' },
    out: { type: 'string', default: 'conformance-out' },
    table: { type: 'string' },
    'run-test': { type: 'string' },
  },
});
if (!values.instruments || !values.kubeconfig) {
  process.stderr.write(
    'usage: gateway.ts --instruments DIR --kubeconfig FILE [--out DIR] [--table FILE] ' +
      '[--run-test NAME]\n',
  );
  process.exit(1);
}
process.exitCode = await runGoSuite({
  program: join(resolve(values.instruments), 'conformance.test'),
  args: [
    '--gateway-class=skiff',
    '--conformance-profiles=GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS,GATEWAY-TCP',
    `--supported-features=${supportedFeatures.join(',')}`,
    '--organization=skiff',
    '--project=skiff',
    '--url=https://example.com/skiff',
    '--version=development',
    '--contact=none',
    `--report-output=${join(resolve(values.out), 'gateway-report.yaml')}`,
    ...(values['run-test'] ? [`--run-test=${values['run-test']}`] : []),
  ],
  kubeconfig: values.kubeconfig,
  out: values.out,
  name: 'gateway',
  table: values.table,
  heading: 'One node, Gateway API v1.6.2, its suite in one go',
});
