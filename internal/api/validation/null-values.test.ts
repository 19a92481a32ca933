import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeValue } from '../codec/decode.ts';
import { DecodeError } from '../codec/scalars.ts';
import { applyDefaults } from '../defaults/defaults.ts';
import type { KubeObject } from '../object.ts';
import { builtinScheme } from '../scheme.ts';
import type { KindInfo } from '../scheme.ts';
import { ApiError } from '../status.ts';
import { strategyFor } from '../strategy/strategy.ts';

const samples = JSON.parse(
  brotliDecompressSync(
    readFileSync(join(import.meta.dirname, '../codec/testdata/roundtrip.json.br')),
  ).toString(),
) as Record<string, string>;

/** Runs a create as far as validation and warnings; what clients are told is no fault. */
function create(info: KindInfo, text: string): void {
  try {
    const { object } = decodeValue(info, JSON.parse(text));
    applyDefaults(info, object);
    const strategy = strategyFor(info);
    strategy.prepareForCreate(object, { now: '2026-11-21T05:00:00Z' });
    strategy.validateCreate(object);
    strategy.warningsOnCreate(object);
  } catch (error) {
    if (!(error instanceof DecodeError) && !(error instanceof ApiError)) throw error;
  }
}

/**
 * A list without an entry is written as null where Go has no `omitempty`, and an entry that is null
 * becomes an empty one.
 */
const emptied = (value: unknown): unknown => (Array.isArray(value) ? [null] : {});

test(
  'no kind minds nulls and empty things in the place of any of its fields',
  { timeout: 300_000 },
  () => {
    let tried = 0;
    const known = new Set<string>();
    const faults = new Map<string, string>();
    for (const info of builtinScheme().resources()) {
      const text = samples[`${info.group || 'core'}.${info.version}.${info.kind}.json`];
      if (text === undefined) continue;
      const whole = JSON.parse(text) as KubeObject;
      whole.metadata = { name: 'n', ...(info.namespaced && { namespace: 'd' }) };
      const places: [Record<string, unknown>, string][] = [];
      const walk = (part: unknown, above: string): void => {
        if (typeof part !== 'object' || part === null) return;
        for (const [key, inner] of Object.entries(part)) {
          if (typeof inner !== 'object') continue;
          // Templates of pods are the same in every kind: once is enough.
          const place = `${above}/${key}`.split('/').slice(-3).join('/');
          if (!known.has(place)) places.push([part as Record<string, unknown>, key]);
          known.add(place);
          walk(inner, `${above}/${key}`);
        }
      };
      walk(whole, info.kind);
      for (const [holder, key] of places) {
        const old = holder[key];
        holder[key] = emptied(old);
        try {
          create(info, JSON.stringify(whole));
        } catch (error) {
          const where =
            error instanceof Error
              ? (error.stack ?? '').split('\n').slice(0, 2).join(' ')
              : String(error);
          if (!faults.has(where))
            faults.set(where, `${info.group}/${info.version} ${info.kind} ${key}: ${where}`);
        }
        tried++;
        holder[key] = old;
      }
    }
    expect([...faults.values()]).toEqual([]);
    expect(tried).toBeGreaterThan(500);
  },
);
