import { describe, expect, it } from 'vitest';
import type { ApiError } from '../../api/status.ts';
import { parseQuery } from '../http/request-info.ts';
import { checkLogOptions } from './log-options.ts';

function refusal(query: string): [number, string] | undefined {
  try {
    checkLogOptions('p', parseQuery(query));
    return undefined;
  } catch (error) {
    return [(error as ApiError).httpStatus, (error as ApiError).message];
  }
}

describe('options of a log', () => {
  it.each([
    '',
    'follow=true',
    'tailLines=0',
    'sinceSeconds=1',
    'sinceTime=2024-01-01T00:00:00Z',
    'limitBytes=1',
  ])('take %j', (query) => {
    expect(refusal(query)).toBeUndefined();
  });

  it.each([
    ['tailLines=-1', 'tailLines: Invalid value: -1: must be greater than or equal to 0'],
    ['limitBytes=0', 'limitBytes: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=0', 'sinceSeconds: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=-9223372036854775808', 'must be greater than 0'],
    [
      'sinceSeconds=5&sinceTime=2024-01-01T00:00:00Z',
      '[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
    ['stream=Foo', 'stream: Forbidden: may not be specified'],
    ['stream=', 'stream: Forbidden: may not be specified'],
    ['stream=Stdout&tailLines=1', 'stream: Forbidden: may not be specified'],
  ])('refuse %j as invalid', (query, message) => {
    const [status, text] = refusal(query) ?? [];
    expect(status).toBe(422);
    expect(text).toMatch(/^PodLogOptions "p" is invalid: /);
    expect(text).toContain(message);
  });

  it.each([
    'tailLines=abc',
    'tailLines=',
    'tailLines=1.5',
    'limitBytes=9223372036854775808',
    'sinceSeconds=0x10',
    'sinceTime=yesterday',
    'sinceTime=2024-13-01T00:00:00Z',
  ])('cannot read %j', (query) => {
    expect(refusal(query)?.[0]).toBe(400);
  });
});
