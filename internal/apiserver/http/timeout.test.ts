import { expect, test } from 'vitest';
import { readRequestInfo } from './request-info.ts';
import { checkTimeout, durationFault } from './timeout.ts';

test.each([
  ['30s', undefined],
  ['1h2m3.5s', undefined],
  ['-1.5h', undefined],
  ['.5s', undefined],
  ['0', undefined],
  ['invalid', 'time: invalid duration "invalid"'],
  ['10', 'time: missing unit in duration "10"'],
  ['10x', 'time: unknown unit "x" in duration "10x"'],
  ['-', 'time: invalid duration "-"'],
  ['.s', 'time: invalid duration ".s"'],
])('%s as a duration', (text, fault) => expect(durationFault(text)).toBe(fault));

test.each([
  ['GET /api/v1/pods?timeout=x', true],
  ['GET /healthz?timeout=x', true],
  ['GET /api/v1/pods?timeout=', false],
  ['GET /api/v1/pods?watch=1&timeout=x', false],
  ['GET /api/v1/namespaces/a/pods/p/log?timeout=x', false],
  ['GET /api/v1/nodes/n/proxy/x?timeout=x', false],
])('%s', (line, refused) => {
  const [method = '', url = ''] = line.split(' ');
  const check = (): void => checkTimeout(readRequestInfo(method, url));
  if (refused) expect(check).toThrow('invalid timeout specified in the request URL');
  else expect(check).not.toThrow();
});
