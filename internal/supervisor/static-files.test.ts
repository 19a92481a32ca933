import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, test } from 'vitest';
import type { PlainRequest } from '../apiserver/options.ts';
import { realDisk } from '../io/disk.ts';
import { staticFiles } from './static-files.ts';

const dir = mkdtempSync(join(tmpdir(), 'static-'));
mkdirSync(join(dir, 'static/charts'), { recursive: true });
writeFileSync(join(dir, 'static/charts/x.tgz'), 'a chart');
writeFileSync(join(dir, 'static/charts/.hidden'), 'no');
writeFileSync(join(dir, 'secret'), 'no');
symlinkSync('../../secret', join(dir, 'static/charts/link'));
symlinkSync('..', join(dir, 'static/up'));
afterAll(() => rmSync(dir, { recursive: true }));
const answers = staticFiles(realDisk, join(dir, 'static'));
const ask = (path: string, method = 'GET'): ReturnType<typeof answers> =>
  answers({ method, path } as PlainRequest);

it('gives a file to everybody', async () => {
  const answer = await ask('/static/charts/x.tgz');
  expect(answer).toMatchObject({ status: 200, contentType: 'application/octet-stream' });
  expect(String(answer?.body)).toBe('a chart');
});

test.each([
  '/static/',
  '/static/charts',
  '/static/charts/',
  '/static/charts/y.tgz',
  '/static/../secret',
  '/static/charts/../../secret',
  '/static/charts/%2e%2e/%2e%2e/secret',
  '/static/charts//x.tgz',
  '/static/charts/.hidden',
  '/static/charts/link',
  '/static/up/secret',
  '/static/charts/x.tgz/more',
])('%s is not a file', async (path) => {
  expect((await ask(path))?.status).toBe(404);
});

it('leaves other paths and methods to others', () => {
  expect(ask('/statics')).toBeUndefined();
  expect(ask('/static/charts/x.tgz', 'POST')).toBeUndefined();
});
