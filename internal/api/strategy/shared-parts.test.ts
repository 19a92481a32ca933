import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodeJson } from '../codec/decode.ts';
import { applyDefaults } from '../defaults/defaults.ts';
import { fieldsOf, deepCopy, deepFreeze, type KubeObject } from '../object.ts';
import { builtinScheme, type KindInfo } from '../scheme.ts';
import { strategyFor } from './strategy.ts';

/**
 * An update takes over parts of the stored object, which is frozen. Nothing that comes after may
 * write into them.
 */

const scheme = builtinScheme();
const now = '2026-01-02T03:04:05Z';
const data = JSON.parse(
  brotliDecompressSync(
    readFileSync(join(import.meta.dirname, '../codec/testdata/roundtrip.json.br')),
  ).toString(),
) as Record<string, string>;

const cases = [...scheme.resources()]
  .filter((info) => !info.custom)
  .flatMap((info) => {
    const text = data[`${info.group || 'core'}.${info.version}.${info.kind}.json`];
    return text === undefined ? [] : [[`${info.group}/${info.kind}`, info, text] as const];
  });

function storedOf(info: KindInfo, text: string): KubeObject {
  const { object } = decodeJson(info, text);
  applyDefaults(info, object, { now });
  return deepFreeze(object);
}

describe('a write leaves what it shares with the stored object alone', () => {
  test('there are enough kinds', () => expect(cases.length).toBeGreaterThan(50));

  test.each(cases)('%s', (_name, info, text) => {
    const old = storedOf(info, text);
    for (const subresource of ['', ...info.subresources.keys()]) {
      // As it was, and with everything left out but the head.
      for (const object of [
        deepCopy(old),
        decodeJson(info, JSON.stringify({ metadata: old.metadata })).object,
      ]) {
        strategyFor(info).prepareForUpdate(object, old, subresource, { now });
        applyDefaults(info, object, { now });
        expect(object.kind).toBe(info.kind);
      }
    }
  });

  const podInfo = scheme.kind('', 'v1', 'Pod') as KindInfo;
  const pod = (resources: unknown, container: unknown = {}): string =>
    JSON.stringify({
      metadata: { name: 'p' },
      spec: { resources, containers: [{ name: 'a', image: 'b', resources: container }] },
    });

  test.each([
    ['limits alone', pod({ limits: { cpu: '1', memory: '1Gi' } })],
    [
      'limits and some requests',
      pod({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } }),
    ],
    [
      'limits of the pod, requests of a container',
      pod({ limits: { memory: '1Gi' } }, { requests: { memory: '10Mi', cpu: '1m' } }),
    ],
    [
      'huge pages',
      pod({ limits: { 'hugepages-2Mi': '4Mi' } }, { limits: { 'hugepages-2Mi': '2Mi' } }),
    ],
  ])('the status of a pod with resources of its own: %s', (_name, text) => {
    const old = storedOf(podInfo, text);
    const object = decodeJson(
      podInfo,
      JSON.stringify({ metadata: { name: 'p' }, status: { phase: 'Running' } }),
    ).object;
    strategyFor(podInfo).prepareForUpdate(object, old, 'status', { now });
    applyDefaults(podInfo, object, { now });
    expect(fieldsOf(object)['spec']).toEqual(fieldsOf(old)['spec']);
    expect((fieldsOf(object)['status'] as { phase: string }).phase).toBe('Running');
  });
});
