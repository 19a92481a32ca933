/**
 * Writes the CustomResourceDefinitions that the server ships, in internal/supervisor/:
 * gateway-kinds.json.gz of the Gateway API, admin-policy-kinds.json.gz of the Network Policy API.
 *
 *     node build/shipped-kinds.ts gateway|admin-policy FOLDER
 *
 * FOLDER is `config/crd/standard` of the Go module sigs.k8s.io/gateway-api or
 * sigs.k8s.io/network-policy-api (both Apache-2.0); its files are taken as they are, those of the
 * kinds that are served.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { load } from 'js-yaml';
import { root } from './bundle.ts';

const files: Record<string, string[]> = {
  gateway: [
    'backendtlspolicies',
    'gatewayclasses',
    'gateways',
    'grpcroutes',
    'httproutes',
    'referencegrants',
    'tcproutes',
    'tlsroutes',
  ].map((kind) => `gateway.networking.k8s.io_${kind}.yaml`),
  'admin-policy': ['adminnetworkpolicies', 'baselineadminnetworkpolicies'].map(
    (kind) => `policy.networking.k8s.io_${kind}.yaml`,
  ),
};

const [name = '', folder] = process.argv.slice(2);
const wanted = Object.hasOwn(files, name) ? files[name] : undefined;
if (!wanted || folder === undefined)
  throw new Error('usage: node build/shipped-kinds.ts gateway|admin-policy FOLDER');
const definitions = wanted.map((file) => {
  const { status: _empty, ...definition } = load(readFileSync(join(folder, file), 'utf8')) as {
    status?: unknown;
  };
  return definition;
});
writeFileSync(
  join(root, `internal/supervisor/${name}-kinds.json.gz`),
  gzipSync(JSON.stringify(definitions), { level: 9 }),
);
