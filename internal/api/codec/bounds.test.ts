import { fieldsOf } from '../object.ts';
import { describe, expect, test } from 'vitest';
import { builtinScheme, type KindInfo } from '../scheme.ts';
import { ApiError } from '../status.ts';
import { decodeJson, decodeValue, decodeYaml } from './decode.ts';
import { maxNesting, parseJson, parseJsonStrict } from './json-text.ts';
import { repeatedFieldsOf } from './untyped.ts';
import { parseYaml } from './yaml.ts';

/**
 * What one text may cost. The bounds on time are wide: what they catch took ten to a hundred times
 * as long.
 */

const scheme = builtinScheme();
const configMap = scheme.kind('', 'v1', 'ConfigMap') as KindInfo;

function seconds(run: () => unknown): number {
  const began = process.cpuUsage();
  run();
  const spent = process.cpuUsage(began);
  return (spent.user + spent.system) / 1e6;
}

const nested = (depth: number, open: string, close: string): string =>
  open.repeat(depth) + '0' + close.repeat(depth);
const manyKeys = (count: number): string =>
  Array.from({ length: count }, (_, i) => `  k${i}: v`).join('\n');

describe('depth', () => {
  test.each([
    ['lists', nested(100_000, '[', ']')],
    ['maps', nested(100_000, '{"a":', '}')],
    ['one level too many', nested(maxNesting + 1, '[', ']')],
    [
      'with an integer that JSON.parse would bend',
      nested(maxNesting + 1, '[12345678901234567890,', ']'),
    ],
    ['open ends', '['.repeat(1_000_000)],
    ['half a map', '{"a":'.repeat(200_000)],
  ])('%s', (_name, text) => {
    expect(() => parseJson(text)).toThrow('exceeded max depth');
    expect(() => parseJsonStrict(text)).toThrow('exceeded max depth');
    expect(() => decodeJson(configMap, text)).toThrow(ApiError);
  });
  test('brackets in strings do not count', () => {
    const text = JSON.stringify({ data: { a: '['.repeat(5_000), b: '\\"[{'.repeat(2_000) } });
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });
  test('the deepest that is allowed goes all the way', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const value = parseJsonStrict(nested(maxNesting, open, close)).value;
      expect(() => decodeValue(configMap, { metadata: { name: 'x' }, odd: value })).not.toThrow();
      expect(() =>
        decodeYaml(configMap, `odd: ${nested(maxNesting - 1, open, close)}`),
      ).not.toThrow();
    }
  });
  test.each([
    ['flow lists', '['.repeat(2_000)],
    ['block lists', '- '.repeat(2_000) + '1'],
    [
      'aliases that nest in one another',
      `a: &a ${nested(900, '[', ']')}\nb: &b ${'['.repeat(900)}*a${']'.repeat(900)}\nc: [*b]\n`,
    ],
  ])('YAML: %s', (_name, text) => {
    expect(() => parseYaml(text)).toThrow(/depth/i);
  });
});

describe('YAML that repeats itself', () => {
  const merges = `a: &a\n${manyKeys(20_000)}\nb:\n${'- <<: *a\n'.repeat(190)}`;
  const lists = Array.from(
    { length: 9 },
    (_, i) => `l${i + 1}: &l${i + 1} [${Array.from({ length: 9 }, () => `*l${i}`).join(',')}]`,
  ).join('\n');
  const manySources =
    `a: &a\n${manyKeys(2_000)}\nb:\n  <<: ` +
    `[${Array.from({ length: 3_000 }, () => '*a').join(',')}]\n`;
  const keysOnly =
    `a: &a {${Array.from({ length: 30_000 }, (_, i) => `k${i}: `).join(',')}}\nb:\n` +
    `${'- *a\n'.repeat(500)}`;
  test.each([
    ['merge keys', merges],
    ['a billion laughs', `l0: &l0 [a,a,a,a,a,a,a,a,a]\n${lists}\n`],
    ['one merge of many sources', manySources],
    ['maps of empty values', keysOnly],
  ])('%s', (_name, text) => {
    expect(
      seconds(() => expect(() => parseYaml(text)).toThrow('document contains excessive aliasing')),
    ).toBeLessThan(3);
  });
  test('what people write with anchors is read', () => {
    const { value } = parseYaml('base: &b {x: 1, z: 2}\none: {<<: *b, z: 3}\nall: [*b, *b]\n');
    expect(value).toEqual({
      base: { x: 1, z: 2 },
      one: { x: 1, z: 3 },
      all: [
        { x: 1, z: 2 },
        { x: 1, z: 2 },
      ],
    });
    const often = `a: &a {x: 1}\nb: [${Array.from({ length: 300 }, () => '*a').join(',')}]`;
    expect((parseYaml(often).value as { b: unknown[] }).b).toHaveLength(300);
  });
});

describe('work per byte', () => {
  const pairs = Array.from({ length: 100_000 }, (_, i) => `"k${i}":1,"k${i}":2`);
  const repeated = `{${pairs.join(',')}}`;
  test('fields given twice', () => {
    expect(
      seconds(() => {
        const { value, repeated: entries } = parseJsonStrict(repeated);
        expect(repeatedFieldsOf(value, entries)).toHaveLength(100);
      }),
    ).toBeLessThan(5);
  });
  test('a row of slashes', () => {
    expect(seconds(() => parseJsonStrict(`{"a":"${'\\\\'.repeat(500_000)}"}`))).toBeLessThan(2);
    expect(seconds(() => parseJsonStrict(`{"a":"${'\\"'.repeat(500_000)}"}`))).toBeLessThan(2);
  });
  test('integers as long as the body', () => {
    expect(
      seconds(() =>
        expect(() => parseJson('9'.repeat(3_000_000))).toThrow('cannot unmarshal number'),
      ),
    ).toBeLessThan(2);
    expect(seconds(() => parseYaml(`a: 0x${'f'.repeat(3_000_000)}`))).toBeLessThan(4);
  });
});

describe('names out of JavaScript', () => {
  const text =
    '{"metadata":{"name":"x","labels":{"constructor":"a","__proto__":"b","toString":"c"}},' +
    '"data":{"__proto__":"1","constructor":"2","hasOwnProperty":"3"}}';
  test.each([
    ['JSON', decodeJson],
    ['YAML', decodeYaml],
  ])('are data in %s', (_name, decode) => {
    const { object } = decode(configMap, text, { validation: 'Strict' });
    expect(JSON.stringify(fieldsOf(object)['data'])).toBe(
      '{"__proto__":"1","constructor":"2","hasOwnProperty":"3"}',
    );
    expect(JSON.stringify(object.metadata.labels)).toBe(
      '{"__proto__":"b","constructor":"a","toString":"c"}',
    );
  });
});

describe('what Go would not take', () => {
  const pod = scheme.kind('', 'v1', 'Pod') as KindInfo;
  const spec = (text: string): string => `{"metadata":{"name":"p"},"spec":{${text}}}`;
  test.each([
    [
      'a fraction of zero',
      spec('"terminationGracePeriodSeconds":30.0'),
      'number 30.0 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
    ],
    [
      'an exponent',
      spec('"terminationGracePeriodSeconds": 3e1'),
      'number 3e1 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
    ],
    [
      'in a list',
      spec('"securityContext":{"supplementalGroups":[1,2.0]}'),
      'number 2.0 into Go struct field ' +
        'PodSecurityContext.spec.securityContext.supplementalGroups of type int64',
    ],
    [
      'deep in a container',
      spec('"containers":[{"name":"a","ports":[{"containerPort":80.0}]}]'),
      'number 80.0 into Go struct field ContainerPort.spec.containers.ports.containerPort of ' +
        'type int32',
    ],
    [
      'an empty quantity',
      spec('"containers":[{"name":"a","resources":{"limits":{"memory":""}}}]'),
      'quantities must match the regular expression',
    ],
    [
      'a quantity of blanks',
      spec('"overhead":{"cpu":" "}'),
      'quantities must match the regular expression',
    ],
  ])('%s', (_name, text, message) => {
    expect(() => decodeJson(pod, text)).toThrow(message);
  });
  test('what only looks like it is taken', () => {
    const text = spec(
      '"containers":[{"name":"a","image":"b:1.0","env":[{"name":"X","value":"{\\"a\\":1.0}"}' +
        '],"resources":{"limits":{"cpu":1.0,"memory":" 1Gi ' +
        '"}}}],"terminationGracePeriodSeconds":30',
    );
    const { object } = decodeJson(pod, text);
    expect(
      (fieldsOf(object)['spec'] as { containers: { resources: unknown }[] }).containers[0]
        ?.resources,
    ).toEqual({ limits: { cpu: '1', memory: '1Gi' } });
    expect(
      decodeJson(
        pod,
        spec('"terminationGracePeriodSeconds":30.0,"terminationGracePeriodSeconds":30'),
      ).object,
    ).toBeDefined();
  });
  test('a key without a value in a map of bytes is empty', () => {
    const secret = scheme.kind('', 'v1', 'Secret') as KindInfo;
    const wanted = '{"password":"","user":"Ym9i"}';
    expect(
      JSON.stringify(
        fieldsOf(decodeJson(secret, '{"data":{"user":"Ym9i","password":null}}').object)['data'],
      ),
    ).toBe(wanted);
    expect(
      JSON.stringify(
        fieldsOf(decodeYaml(secret, 'data:\n  user: Ym9i\n  password:\n').object)['data'],
      ),
    ).toBe(wanted);
    expect(
      JSON.stringify(decodeJson(configMap, '{"data":{"a":null},"binaryData":{"b":null}}').object),
    ).toContain('"data":{"a":""},"binaryData":{"b":""}');
  });
});
