import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fieldErrorText } from '../status.ts';
import { compileCrdSchema } from './compile.ts';
import type { JsonSchema } from './json-schema.ts';
import { validateRules } from './rule-checks.ts';

const spec = (more: object, rules: object[]): JsonSchema => ({
  type: 'object',
  properties: {
    spec: { type: 'object', ...more, 'x-kubernetes-validations': rules } as JsonSchema,
  },
});
const judge = (schema: JsonSchema, object: object, old?: object): string[] =>
  compileCrdSchema({ name: 'v1', group: 'example.com', kind: 'Foo', schema })
    .validate(object, old)
    .map(fieldErrorText);
const refused = (schema: JsonSchema): string[] =>
  validateRules(schema, 'schema').map(fieldErrorText);
const integers = { type: 'array', maxItems: 1000, items: { type: 'integer' } };

describe('objects', () => {
  const schema = spec(
    {
      properties: {
        x: { type: 'integer' },
        y: { type: 'integer' },
        list: integers,
        when: { type: 'string', format: 'date-time' },
        'a-b': { type: 'string' },
        ratio: { type: 'number' },
      },
    },
    [
      { rule: 'self.x + self.y > 0' },
      {
        rule: '!has(self.list) || self.list.all(a, self.list.all(b, a == b))',
        message: 'all alike',
      },
      {
        rule: '!has(self.a__dash__b) || self.a__dash__b != "no"',
        messageExpression: "'not ' + self.a__dash__b",
        fieldPath: '.a-b',
        reason: 'FieldValueForbidden',
      },
      { rule: "!has(self.when) || self.when > timestamp('2020-01-01T00:00:00Z')" },
      { rule: '!has(self.ratio) || self.ratio * 2.0 < 10.0' },
    ],
  );

  test('pass when every rule holds', () => {
    expect(
      judge(schema, {
        spec: { x: 1, y: 0, list: [2, 2], when: '2024-01-01T00:00:00Z', 'a-b': 'yes', ratio: 2 },
      }),
    ).toEqual([]);
  });

  test('fail with the rule, its message or its expression', () => {
    expect(judge(schema, { spec: { x: 0, y: 0 } })).toEqual([
      'spec: Invalid value: failed rule: self.x + self.y > 0',
    ]);
    expect(judge(schema, { spec: { x: 1, y: 1, list: [1, 2] } })).toEqual([
      'spec: Invalid value: all alike',
    ]);
    expect(judge(schema, { spec: { x: 1, y: 1, 'a-b': 'no' } })).toEqual([
      'spec.a-b: Forbidden: not no',
    ]);
    expect(
      judge(schema, { spec: { x: 1, y: 1, when: '2019-01-01T00:00:00Z', ratio: 5 } }),
    ).toHaveLength(2);
  });

  test('say when a rule cannot be evaluated, or costs too much', () => {
    expect(judge(schema, { spec: { x: 1 } })).toEqual([
      'spec: Invalid value: "object": no such key: y evaluating rule: self.x + self.y > 0',
    ]);
    const [error] = judge(schema, {
      spec: { x: 1, y: 1, list: Array.from({ length: 725 }, () => 20) },
    });
    expect(error).toContain('call cost exceeds limit for rule: all alike');
  });
});

describe('changes', () => {
  const grows: JsonSchema = {
    type: 'object',
    properties: {
      num: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > oldSelf' }] },
    },
  };

  test('are judged by rules about them, states are not', () => {
    expect(judge(grows, { num: 10 })).toEqual([]);
    expect(judge(grows, { num: 9 }, { num: 10 })).toEqual([
      'num: Invalid value: 9: failed rule: self > oldSelf',
    ]);
    expect(judge(grows, { num: 11 }, { num: 10 })).toEqual([]);
  });

  test('may start from nothing', () => {
    const schema: JsonSchema = {
      type: 'object',
      properties: {
        num: {
          type: 'integer',
          'x-kubernetes-validations': [
            { rule: 'oldSelf.hasValue() || self == 1', optionalOldSelf: true },
          ],
        },
      },
    };
    expect(judge(schema, { num: 2 })).toHaveLength(1);
    expect(judge(schema, { num: 2 }, { num: 1 })).toEqual([]);
  });

  test('of keyed items are found by their keys', () => {
    const items = {
      type: 'object',
      properties: {
        name: { type: 'string' },
        n: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] },
      },
    };
    const schema = {
      type: 'object',
      properties: {
        list: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items,
        },
      },
    } as JsonSchema;
    expect(
      judge(
        schema,
        {
          list: [
            { name: 'b', n: 1 },
            { name: 'a', n: 2 },
          ],
        },
        {
          list: [
            { name: 'a', n: 3 },
            { name: 'b', n: 1 },
          ],
        },
      ),
    ).toEqual(['list[1].n: Invalid value: 2: failed rule: self >= oldSelf']);
  });

  test('leave what was broken before alone', () => {
    const schema = spec({ properties: { x: { type: 'integer' } } }, [{ rule: 'self.x > 0' }]);
    expect(judge(schema, { spec: { x: 0 }, status: 1 }, { spec: { x: 0 } })).toEqual([]);
    expect(judge(schema, { spec: { x: -1 } }, { spec: { x: 0 } })).toHaveLength(1);
  });
});

describe('rules', () => {
  const golden = JSON.parse(
    readFileSync(join(import.meta.dirname, 'testing/definitions.json'), 'utf8'),
  ) as {
    cel: {
      body: { spec: { versions: { schema: { openAPIV3Schema: JsonSchema } }[] } };
      causes: string[];
    };
  };

  test('are refused as kube-apiserver refuses them', () => {
    const schema = golden.cel.body.spec.versions[0]?.schema.openAPIV3Schema as JsonSchema;
    expect(
      validateRules(schema, 'spec.validation.openAPIV3Schema').map(
        (error) => `${fieldErrorText(error)} (${error.type})`,
      ),
    ).toEqual(golden.cel.causes);
  });

  test.each([
    [spec({}, [{ rule: 'self = 42' }]), 'Syntax error'],
    [
      spec({ properties: { x: { type: 'integer' } } }, [{ rule: "self.x == 'a'" }]),
      "found no matching overload for '_==_' applied to '(int, string)'",
    ],
    [
      spec({ properties: { x: { type: 'integer' } } }, [{ rule: 'self.x' }]),
      'cel expression must evaluate to a bool',
    ],
    [
      spec({}, [{ rule: 'true', messageExpression: '1' }]),
      'messageExpression must evaluate to a string',
    ],
    [spec({}, [{ rule: 'true', reason: 'Because' }]), 'supported values: "FieldValueDuplicate"'],
    [
      {
        type: 'object',
        properties: {
          l: {
            type: 'array',
            items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
          },
        },
      } as JsonSchema,
      'oldSelf cannot be used on the uncorrelatable portion of the schema within ' +
        'schema.properties[l].items',
    ],
  ])('%#', (schema, message) => expect(refused(schema).join()).toContain(message));

  test('may speak of the resource itself', () => {
    const root = {
      type: 'object',
      'x-kubernetes-validations': [
        { rule: "self.metadata.name.startsWith('a') && self.kind == 'Foo'" },
      ],
    } as JsonSchema;
    expect(refused(root)).toEqual([]);
    expect(
      judge(root, { apiVersion: 'example.com/v1', kind: 'Foo', metadata: { name: 'b' } }),
    ).toEqual([
      "<nil>: Invalid value: failed rule: self.metadata.name.startsWith('a') && self.kind == 'Foo'",
    ]);
  });
});
