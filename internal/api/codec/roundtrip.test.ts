import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { builtinScheme, type KindInfo } from '../scheme.ts';
import { decodeJson, decodeYaml } from './decode.ts';
import { decodeProtobuf, encodeProtobuf } from './protobuf/envelope.ts';

/** Upstream's compatibility data lies outside the repository: beside it, or where the variable says. */
const folder = process.env['SKIFF_ROUNDTRIP_DATA'] ?? join(import.meta.dirname, '../../../../shared/data/roundtrip');
const there = existsSync(folder);
if (!there) process.stderr.write(`skipped: no compatibility data at ${folder} (set SKIFF_ROUNDTRIP_DATA)\n`);

const scheme = builtinScheme();
const files = there ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];

function infoOf(file: string): KindInfo {
  const match = /^(.*)\.(v\d[^.]*)\.(.*)\.json$/.exec(file);
  const [, group = '', version = '', kind = ''] = match ?? [];
  const info = scheme.kind(group === 'core' ? '' : group, version, kind);
  if (!info) throw new Error(`no kind for ${file}`);
  return info;
}

describe.skipIf(!there)('every kind of the compatibility data', () => {
  test('there are enough of them', () => expect(files.length).toBeGreaterThan(180));

  test.each(files)('%s', (file) => {
    const info = infoOf(file);
    const json = readFileSync(join(folder, file), 'utf8');
    const yaml = readFileSync(join(folder, file.replace('.json', '.yaml')));
    const pb = readFileSync(join(folder, file.replace('.json', '.pb')));
    // WatchEvent is the one that has no kind of its own.
    const bare = info.kind === 'WatchEvent';
    const written = (object: object): string => JSON.stringify(bare ? { ...object, kind: undefined, apiVersion: undefined } : object);
    const want = JSON.stringify(JSON.parse(json));
    expect(written(decodeJson(info, json, { validation: 'Strict' }).object)).toBe(want);
    expect(written(decodeYaml(info, yaml, { validation: 'Strict' }).object)).toBe(want);
    const object = decodeProtobuf(scheme, pb, info);
    expect(written(object)).toBe(want);
    const encoded = encodeProtobuf(info, bare ? { ...object, kind: '', apiVersion: '' } : object);
    expect(encoded.equals(pb)).toBe(true);
  });
});
