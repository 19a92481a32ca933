/**
 * Writes internal/supervisor/gateway-kinds.json.gz: the CustomResourceDefinitions of the Gateway
 * API that the server ships.
 *
 *     node build/gateway-kinds.ts FOLDER
 *
 * FOLDER is `config/crd/standard` of the Go module sigs.k8s.io/gateway-api (Apache-2.0); its files
 * are taken as they are, those of the kinds that are served.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { load } from 'js-yaml';
import { root } from './bundle.ts';

const kinds = ['gatewayclasses', 'gateways', 'grpcroutes', 'httproutes', 'referencegrants'];

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node build/gateway-kinds.ts FOLDER');
const definitions = kinds.map((kind) => {
  const file = join(folder, `gateway.networking.k8s.io_${kind}.yaml`);
  const { status: _empty, ...definition } = load(readFileSync(file, 'utf8')) as {
    status?: unknown;
  };
  return definition;
});
writeFileSync(
  join(root, 'internal/supervisor/gateway-kinds.json.gz'),
  gzipSync(JSON.stringify(definitions), { level: 9 }),
);
