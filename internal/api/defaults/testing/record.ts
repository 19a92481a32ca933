/**
 * Asks a real kube-apiserver what it makes of every case, and writes golden.json. Nothing is
 * stored: dry runs only. `NODE_EXTRA_CA_CERTS=ca.crt node internal/api/defaults/testing/record.ts
 * https://127.0.0.1:16443 TOKEN`
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeObject } from '../../object.ts';
import { builtinScheme } from '../../scheme.ts';
import { decodeValue } from '../../codec/decode.ts';
import { encodeProtobuf } from '../../codec/protobuf/envelope.ts';
import { cases } from './cases.ts';
import { onlyDefaults } from './compare.ts';

const [server = '', token = ''] = process.argv.slice(2);
const scheme = builtinScheme();
const golden: Record<string, unknown> = {};

async function create(body: KubeObject, protobuf: boolean): Promise<KubeObject> {
  const info = scheme.kindOf(body);
  if (!info) throw new Error(`no kind ${body.kind}`);
  const served = [...scheme.resources()].find(
    (r) => r.group === info.group && r.version === info.version && r.kind === info.kind,
  );
  const root = info.group ? `/apis/${info.group}/${info.version}` : `/api/${info.version}`;
  const path =
    `${root}${served?.namespaced ? '/namespaces/default' : ''}/${served?.resource ?? ''}` +
    '?dryRun=All';
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': protobuf ? 'application/vnd.kubernetes.protobuf' : 'application/json',
  };
  const answer = await fetch(server + path, {
    method: 'POST',
    headers,
    body: protobuf ? encodeProtobuf(info, decodeValue(info, body).object) : JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`${body.kind}: ${text}`);
  return JSON.parse(text) as KubeObject;
}

for (const [name, body] of Object.entries(cases)) {
  try {
    const json = onlyDefaults(await create(body as KubeObject, false));
    const pb = onlyDefaults(await create(body as KubeObject, true));
    if (JSON.stringify(json) !== JSON.stringify(pb))
      process.stderr.write(
        `${name}: JSON and protobuf bodies lead to different objects\n` +
          `${JSON.stringify(json)}\n${JSON.stringify(pb)}\n`,
      );
    golden[name] = json;
  } catch (error) {
    process.stderr.write(`${name}: ${String(error)}\n`);
  }
}
await writeFile(
  join(import.meta.dirname, 'golden.json'),
  `${JSON.stringify(golden, undefined, 1)}\n`,
);
