import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { builtinScheme, type KindInfo } from '../scheme.ts';
import { decodeJson, decodeYaml } from './decode.ts';
import { decodeProtobuf, encodeProtobuf } from './protobuf/envelope.ts';

/**
 * Upstream's compatibility data (see testdata/README.md): name of file -> text, and base64 for
 * `.pb`.
 */
const data = JSON.parse(
  brotliDecompressSync(
    readFileSync(join(import.meta.dirname, 'testdata/roundtrip.json.br')),
  ).toString(),
) as Record<string, string>;

const scheme = builtinScheme();
const files = Object.keys(data).filter((name) => name.endsWith('.json'));

function infoOf(file: string): KindInfo {
  const match = /^(.*)\.(v\d[^.]*)\.(.*)\.json$/.exec(file);
  const [, group = '', version = '', kind = ''] = match ?? [];
  const info = scheme.kind(group === 'core' ? '' : group, version, kind);
  if (!info) throw new Error(`no kind for ${file}`);
  return info;
}

describe('every kind of the compatibility data', () => {
  test('there are enough of them', () => expect(files.length).toBeGreaterThan(180));

  test.each(files)('%s', (file) => {
    const info = infoOf(file);
    const json = data[file] ?? '';
    const yaml = Buffer.from(data[file.replace('.json', '.yaml')] ?? '');
    const pb = Buffer.from(data[file.replace('.json', '.pb')] ?? '', 'base64');
    // WatchEvent is the one that has no kind of its own.
    const bare = info.kind === 'WatchEvent';
    const written = (object: object): string =>
      JSON.stringify(bare ? { ...object, kind: undefined, apiVersion: undefined } : object);
    const want = JSON.stringify(JSON.parse(json));
    expect(written(decodeJson(info, json, { validation: 'Strict' }).object)).toBe(want);
    expect(written(decodeYaml(info, yaml, { validation: 'Strict' }).object)).toBe(want);
    const object = decodeProtobuf(scheme, pb, info);
    expect(written(object)).toBe(want);
    const encoded = encodeProtobuf(info, bare ? { ...object, kind: '', apiVersion: '' } : object);
    expect(encoded.equals(pb)).toBe(true);
  });
});
