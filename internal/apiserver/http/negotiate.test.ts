import { describe, expect, test } from 'vitest';
import { ApiError } from '../../api/status.ts';
import { bodyFormat, negotiate } from './negotiate.ts';

const all = { table: true, partial: true, protobuf: true, list: false };
const status = (run: () => unknown): number => {
  try {
    run();
  } catch (error) {
    return (error as ApiError).httpStatus;
  }
  return 200;
};

describe('negotiate', () => {
  test.each([
    [undefined, 'json'],
    ['*/*', 'json'],
    ['application/json, */*', 'json'],
    ['application/yaml', 'yaml'],
    ['application/vnd.kubernetes.protobuf,application/json', 'protobuf'],
    ['application/json;q=0.5,application/yaml;q=0.9', 'yaml'],
  ])('%s', (accept, format) => expect(negotiate(accept, all)).toMatchObject({ format }));

  test('a Table is given where the kind has columns, or else the next clause', () => {
    const accept =
      'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;' +
      'g=meta.k8s.io,application/json';
    expect(negotiate(accept, all).as).toEqual({ kind: 'Table', version: 'v1' });
    expect(negotiate(accept, { ...all, table: false }).as).toBeUndefined();
  });

  test('a Table alone of a kind without columns is 406', () => {
    expect(
      status(() =>
        negotiate('application/json;as=Table;v=v1;g=meta.k8s.io', { ...all, table: false }),
      ),
    ).toBe(406);
  });

  test('partial objects are lists for lists only', () => {
    const accept =
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
    expect(negotiate(accept, { ...all, list: true }).as?.kind).toBe('PartialObjectMetadataList');
    expect(negotiate(accept, all).as).toBeUndefined();
  });

  test('what nobody serves is 406', () => {
    expect(status(() => negotiate('text/html', all))).toBe(406);
  });
});

describe('body formats', () => {
  test('nothing said is JSON', () => expect(bodyFormat(undefined)).toBe('json'));
  test('parameters are ignored', () =>
    expect(bodyFormat('application/json; charset=utf-8')).toBe('json'));
  test('protobuf', () =>
    expect(bodyFormat('application/vnd.kubernetes.protobuf')).toBe('protobuf'));
  test.each(['text/plain', '*/*', 'application/cbor'])('%s is 415', (type) =>
    expect(status(() => bodyFormat(type))).toBe(415),
  );
});
