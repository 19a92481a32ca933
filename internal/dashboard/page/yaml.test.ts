import { expect, it } from 'vitest';
import { objectOf, yamlOf } from './yaml.ts';

const object = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'b', creationTimestamp: '2026-01-01T00:00:00Z' },
  data: { yes: 'no', number: '012', time: '2026-01-01', octal: '0o17', text: 'a\nb\n', odd: ' x' },
};

it('an object comes back as it was, without what is the server\u2019s', () => {
  const text = yamlOf({ ...object, metadata: { ...object.metadata, ...{ managedFields: [{}] } } });
  expect(text).not.toContain('managedFields');
  expect(objectOf(text, object)).toEqual(object);
});

it('is not taken for another', () => {
  const other = yamlOf({ ...object, metadata: { name: 'z', namespace: 'b' } });
  expect(() => objectOf(other, object)).toThrow('another object');
  expect(() => objectOf('text', object)).toThrow('no object');
  expect(() => objectOf('a: [', object)).toThrow();
});
