import { fieldsOf } from '../object.ts';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../status.ts';
import { builtinScheme, type KindInfo } from '../scheme.ts';
import { decodeJson, decodeYaml, type FieldValidation } from './decode.ts';

const scheme = builtinScheme();
const info = (group: string, version: string, kind: string): KindInfo => {
  const found = scheme.kind(group, version, kind);
  if (!found) throw new Error(`no kind ${kind}`);
  return found;
};
const deployment = info('apps', 'v1', 'Deployment');
const configMap = info('', 'v1', 'ConfigMap');
const secret = info('', 'v1', 'Secret');

function failure(
  kind: KindInfo,
  body: string,
  validation: FieldValidation = 'Strict',
  read = decodeJson,
): string {
  try {
    read(kind, body, { validation });
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
  return '';
}

describe('the words of kube-apiserver', () => {
  const head = 'Deployment in version "v1" cannot be handled as a Deployment: ';
  const field = 'json: cannot unmarshal';
  const template = (spec: string): string => `{"spec":{"template":{"spec":${spec}}}}`;
  test.each([
    [
      '{"spec":{"replicas":"x"}}',
      `${field} string into Go struct field DeploymentSpec.spec.replicas of type int32`,
    ],
    [
      '{"spec":{"replicas":1.5}}',
      `${field} number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32`,
    ],
    [
      '{"spec":{"replicas":3000000000}}',
      `${field} number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32`,
    ],
    [
      '{"spec":[]}',
      `${field} array into Go struct field Deployment.spec of type v1.DeploymentSpec`,
    ],
    [
      template('{"containers":{}}'),
      `${field} object into Go struct field PodSpec.spec.template.spec.containers of type ` +
        '[]v1.Container',
    ],
    [
      template('{"containers":[{"name":5}]}'),
      `${field} number into Go struct field Container.spec.template.spec.containers.name of ` +
        'type string',
    ],
    [
      template('{"containers":["x"]}'),
      `${field} string into Go struct field PodSpec.spec.template.spec.containers of type ` +
        'v1.Container',
    ],
    [
      template('{"volumes":[{"emptyDir":5}]}'),
      `${field} number into Go struct field ` +
        'Volume.spec.template.spec.volumes.VolumeSource.emptyDir of type ' +
        'v1.EmptyDirVolumeSource',
    ],
    [
      template('{"containers":[{"resources":{"limits":5}}]}'),
      `${field} number into Go struct field ` +
        'ResourceRequirements.spec.template.spec.containers.resources.limits of type ' +
        'v1.ResourceList',
    ],
    [
      template('{"containers":[{"resources":{"limits":{"cpu":"abc"}}}]}'),
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      template('{"containers":[{"command":[5]}]}'),
      `${field} number into Go struct field Container.spec.template.spec.containers.command ` +
        'of type string',
    ],
    [
      '{"metadata":{"labels":{"a":5}}}',
      `${field} number into Go struct field ObjectMeta.metadata.labels of type string`,
    ],
    [
      '{"metadata":{"finalizers":"x"}}',
      `${field} string into Go struct field ObjectMeta.metadata.finalizers of type []string`,
    ],
    [
      '{"metadata":{"creationTimestamp":"foo"}}',
      'parsing time "foo" as "2006-01-02T15:04:05Z07:00": cannot parse "foo" as "2006"',
    ],
    [
      '{"metadata":{"creationTimestamp":5}}',
      `${field} number into Go struct field ObjectMeta.metadata.creationTimestamp of type string`,
    ],
    [
      '{"metadata":{"generation":9223372036854775808}}',
      `${field} number 9223372036854775808 into Go struct field ` +
        'ObjectMeta.metadata.generation of type int64',
    ],
    [
      '{"spec":{"strategy":{"type":5}}}',
      `${field} number into Go struct field DeploymentStrategy.spec.strategy.type of type ` +
        'v1.DeploymentStrategyType',
    ],
    [
      '{"spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}}',
      `${field} bool into Go struct field ` +
        'RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32',
    ],
    [
      '{"spec":{"strategy":{"rollingUpdate":{"maxSurge":1.5}}}}',
      `${field} number 1.5 into Go struct field ` +
        'RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32',
    ],
    [
      '{"spec":{"paused":"x"}}',
      `${field} string into Go struct field DeploymentSpec.spec.paused of type bool`,
    ],
    [
      '{"apiVersion":"v1"}',
      'no kind "Deployment" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
    ],
  ])('%s', (body, want) => expect(failure(deployment, body)).toBe(head + want));

  test.each([
    [
      '{"spec":{}',
      `couldn't get version/kind; json parse error: unexpected end of JSON input ({"spec":{})`,
    ],
    [
      '{a:1}',
      `couldn't get version/kind; json parse error: invalid character 'a' looking for ` +
        'beginning of object key string ({a:1})',
    ],
    ['', `couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`],
    [
      '{"metadata":{"name":"x"}} x',
      `couldn't get version/kind; json parse error: invalid character 'x' after top-level ` +
        'value ({"metadata":{"name":"x"}} x)',
    ],
    [
      '{"kind":5}',
      `couldn't get version/kind; json parse error: json: cannot unmarshal number into Go ` +
        'struct field .kind of type string ({"kind":5})',
    ],
    [
      '[]',
      `couldn't get version/kind; json parse error: json: cannot unmarshal array into Go ` +
        'value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind ' +
        'string "json:\\"kind,omitempty\\"" } (5b5d)',
    ],
  ])('unreadable: %s', (body, want) =>
    expect(failure(deployment, body)).toBe(
      `the object provided is unrecognized (must be of type Deployment): ${want}`,
    ),
  );

  test('secrets', () => {
    expect(failure(secret, '{"data":{"a":"###"}}')).toBe(
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0',
    );
    expect(failure(secret, '{"data":{"a":"YQ"}}')).toBe(
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0',
    );
    expect(failure(secret, '{"data":{"a":5}}')).toBe(
      'Secret in version "v1" cannot be handled as a Secret: json: cannot unmarshal number ' +
        'into Go struct field Secret.data of type []uint8',
    );
  });

  test('everything strict, in the order of the text', () => {
    const body = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x","foo":1},"spec":{"zz":1,"replicas":1,"replicas":2,
      "template":{"spec":{"containers":[{"name":"a","bar":1,"name":"b","env":[{"x":{"y":1}}]}]}},"replicas":3}, "spec":{}, "zork":{"a":1,"a":2}}`;
    expect(failure(deployment, body)).toBe(
      `${head}strict decoding error: unknown field "metadata.foo", unknown field "spec.zz", ` +
        'duplicate field "spec.replicas", ' +
        ('unknown field "spec.template.spec.containers[0].bar", duplicate field ' +
          '"spec.template.spec.containers[0].name", ') +
        ('unknown field "spec.template.spec.containers[0].env[0].x", duplicate field "spec", ' +
          'unknown field "zork"'),
    );
  });

  test('warnings', () => {
    const body =
      '{"metadata":{"name":"x","labels":{"a":"1","a":"2","a":"3"}},"spec":{"zz":1,' +
      '"replicas":1,"replicas":2}}';
    const { object, warnings } = decodeJson(deployment, body, { validation: 'Warn' });
    expect(warnings).toEqual([
      'duplicate field "metadata.labels.a"',
      'unknown field "spec.zz"',
      'duplicate field "spec.replicas"',
    ]);
    expect(object.metadata.labels).toEqual({ a: '3' });
    expect(decodeJson(deployment, body, { validation: 'Ignore' }).warnings).toEqual([]);
  });
});

describe('YAML', () => {
  const withValue = (value: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: ${value}\n`;
  test.each([
    'y',
    'yes',
    'on',
    'True',
    '0777',
    '0o777',
    '0x1F',
    '1_000',
    '1e3',
    '1.5e+3',
    '012',
    '0b11',
    '09',
    '.5',
    '+5',
    '12345678901234567890',
  ])('%s is not a text', (value) =>
    expect(failure(configMap, withValue(value), 'Ignore', decodeYaml)).toMatch(
      /cannot unmarshal (bool|number) into Go struct field ConfigMap.data of type string$/,
    ),
  );
  test.each([
    ['2001-01-01', '2001-01-01'],
    ['!!binary aGVsbG8=', 'hello'],
    ['!!str 5', '5'],
    ['1:30', '1:30'],
    ['=', '='],
    ['null', ''],
    ['<<', '<<'],
    ['"a\\nb"', 'a\nb'],
  ])('%s', (value, want) =>
    expect(fieldsOf(decodeYaml(configMap, withValue(value)).object)['data']).toEqual({ a: want }),
  );

  test('octal modes are what people mean', () => {
    const pod = info('', 'v1', 'Pod');
    const { object } = decodeYaml(
      pod,
      'spec: {volumes: [{name: v, configMap: {defaultMode: 0644}}]}',
    );
    expect(fieldsOf(object)['spec']).toMatchObject({
      volumes: [{ configMap: { defaultMode: 420 } }],
    });
  });

  test('merge keys and keys that are no text', () => {
    const text =
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\nx: &a {b: "1"}\ndata:\n  <<: ' +
      '*a\n  1: "x"\n  true: "y"\n';
    expect(failure(configMap, text, 'Strict', decodeYaml)).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ' +
        'unknown field "x"',
    );
    expect(fieldsOf(decodeYaml(configMap, text).object)['data']).toEqual({
      1: 'x',
      b: '1',
      true: 'y',
    });
  });

  test('duplicates are named with their line', () => {
    const text =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","name":"z"},"zork":1}';
    expect(failure(configMap, text, 'Strict', decodeYaml)).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ' +
        'yaml: unmarshal errors:\n  line 1: key "name" already set in map, unknown field "zork"',
    );
  });

  test('an alias bomb is refused', () => {
    let text = 'a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n';
    for (let i = 1; i < 12; i++)
      text += `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(',')}]\n`;
    expect(failure(configMap, text, 'Ignore', decodeYaml)).toContain(
      'document contains excessive aliasing',
    );
  });
});

describe('normal form', () => {
  test('what Go always writes is there, what it drops is not', () => {
    const { object } = decodeJson(
      deployment,
      '{"spec":{"replicas":0,"template":{"spec":{"containers":[{"name":"a","image":"",' +
        '"args":[]}]}},"paused":false},"metadata":{"name":"x","labels":{}}}',
    );
    expect(JSON.stringify(object)).toBe(
      '{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"x"},' +
        '"spec":{"replicas":0,"selector":null,"template":{"metadata":{},' +
        '"spec":{"containers":[{"name":"a","resources":{}}]}},"strategy":{}},"status":{}}',
    );
  });

  test('quantities, times, maps and odd names', () => {
    const body =
      '{"metadata":{"creationTimestamp":"2020-01-01T02:00:00.5+02:00"},' +
      '"spec":{"template":{"spec":{"containers":[{"name":"a",' +
      '"resources":{"limits":{"memory":"1024Mi","cpu":0.5}}}]}}}}';
    const { object } = decodeJson(deployment, body);
    expect(object.metadata.creationTimestamp).toBe('2020-01-01T00:00:00Z');
    expect(JSON.stringify(fieldsOf(object)['spec'])).toContain(
      '"limits":{"cpu":"500m","memory":"1Gi"}',
    );
    const map = decodeJson(configMap, '{"data":{"__proto__":"p","b":"1","a":null}}').object;
    expect(JSON.stringify(fieldsOf(map)['data'])).toBe('{"__proto__":"p","a":"","b":"1"}');
  });

  test('integers that a double cannot hold are kept or refused, never bent', () => {
    const revision = info('apps', 'v1', 'ControllerRevision');
    const { object } = decodeJson(revision, '{"data":{"big":9007199254740993},"revision":1}');
    expect(JSON.stringify(fieldsOf(object)['data'])).toBe('{"big":9007199254740993}');
    expect(failure(revision, '{"revision":9007199254740993}')).toContain('cannot be kept exactly');
  });
});
