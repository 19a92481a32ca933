import { fieldsOf } from '../object.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeValue } from '../codec/decode.ts';
import { applyDefaults } from '../defaults/defaults.ts';
import type { CustomResourceDefinition } from '../generated/types/apiextensions-v1.ts';
import { builtinScheme } from '../scheme.ts';
import { fieldErrorBody } from '../status.ts';
import { validateDefinition, validateDefinitionUpdate } from './definition.ts';

/** Definitions with one thing wrong, and what kube-apiserver 1.36 says of each. */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, 'testing/definitions.json'), 'utf8'),
) as Record<string, { body: object; causes: string[] }>;
const info = builtinScheme().kind('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition');
if (!info) throw new Error('no such kind');

function read(body: object): CustomResourceDefinition {
  if (!info) throw new Error('no such kind');
  const { object } = decodeValue(info, structuredClone(body));
  // The status of a new definition is the server's; the strategy empties it before defaults are
  // applied.
  fieldsOf(object)['status'] = {
    conditions: null,
    acceptedNames: { plural: '', kind: '' },
    storedVersions: null,
  };
  applyDefaults(info, object);
  return object as CustomResourceDefinition;
}

describe('definitions, as kube-apiserver judges them', () => {
  test.each(Object.keys(golden))('%s', (name) => {
    const { body, causes } = golden[name] as { body: object; causes: string[] };
    const errors = validateDefinition(read(body)).map(
      (e) => `${e.field}: ${fieldErrorBody(e)} (${e.type})`,
    );
    expect(errors.sort()).toEqual([...causes].sort());
  });
});

test('an established definition keeps its scope and kind', () => {
  const old = read((golden['addfalse'] as { body: object }).body);
  old.status.conditions = [{ type: 'Established', status: 'True' }] as typeof old.status.conditions;
  const next = structuredClone(old);
  next.spec.scope = 'Cluster';
  expect(validateDefinitionUpdate(next, old).map((e) => e.field)).toEqual(['spec.scope']);
  expect(validateDefinitionUpdate(structuredClone(old), old)).toEqual([]);
});
