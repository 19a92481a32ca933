import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it, test } from 'vitest';
import { build } from '../../build/dashboard.ts';
import type { PlainAnswer, PlainRequest } from '../apiserver/options.ts';
import { dashboardAnswers } from './dashboard.ts';
import { makePack, openPack } from './pack.ts';

const pack = build();
let reads = 0;
const answers = dashboardAnswers((name) => {
  reads++;
  expect(name).toBe('dashboard.pack');
  return Promise.resolve(pack);
});

function ask(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<PlainAnswer> | undefined {
  return answers({ method, path, header: (name: string) => headers[name] } as PlainRequest);
}

const gzip = { 'accept-encoding': 'gzip, deflate, br' };

describe('the page', () => {
  it('is small enough to send', () => {
    const sent = [...openPack(pack).values()].reduce((sum, file) => sum + file.gzip.length, 0);
    expect(sent).toBeLessThan(300 * 1024);
  });

  it('is the same in two builds', () => {
    expect(Buffer.from(build()).equals(pack)).toBe(true);
  });

  it('is sent packed, or plain to those who ask for no gzip', async () => {
    const packed = await ask('/dashboard/', gzip);
    expect(packed).toMatchObject({ status: 200, contentType: 'text/html; charset=utf-8' });
    expect(packed?.headers?.['content-encoding']).toBe('gzip');
    const plain = await ask('/dashboard/');
    expect(plain?.headers?.['content-encoding']).toBeUndefined();
    expect(gunzipSync(packed!.body as Buffer)).toEqual(plain?.body);
    expect(String(plain?.body)).toContain('<title>skiff</title>');
    expect(plain?.headers?.['etag']).not.toBe(packed?.headers?.['etag']);
    const refused = await ask('/dashboard/', { 'accept-encoding': 'gzip;q=0, br' });
    expect(refused?.headers?.['content-encoding']).toBeUndefined();
  });

  it('is not sent again to whoever has it', async () => {
    const etag = (await ask('/dashboard/app.js', gzip))?.headers?.['etag'] ?? '';
    const again = await ask('/dashboard/app.js', { ...gzip, 'if-none-match': `"x", W/${etag}` });
    expect(again).toMatchObject({ status: 304, body: '' });
    const other = await ask('/dashboard/app.js', { ...gzip, 'if-none-match': '"x"' });
    expect(other?.status).toBe(200);
  });

  it('runs nothing and loads nothing from elsewhere', async () => {
    for (const name of ['', 'app.js', 'style.css', 'nothing']) {
      const headers = (await ask(`/dashboard/${name}`))?.headers ?? {};
      const policy = headers['content-security-policy'] ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*|data:/);
      expect(headers['referrer-policy']).toBe('no-referrer');
    }
    const html = String((await ask('/dashboard/'))?.body);
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|style=|\son\w+=|https?:/);
    const css = String((await ask('/dashboard/style.css'))?.body);
    expect(css).not.toMatch(/@import|url\(/);
  });

  it('costs nothing until somebody looks', () => {
    const before = reads;
    expect(ask('/api/v1/pods')).toBeUndefined();
    expect(ask('/dashboards')).toBeUndefined();
    expect(ask('/dashboard/', {}, 'POST')).toBeUndefined();
    expect(reads).toBe(before);
  });

  test.each([
    '/dashboard/..',
    '/dashboard/../main',
    '/dashboard/constructor',
    '/dashboard//app.js',
  ])('%s is no file', async (path) => {
    expect((await ask(path))?.status).toBe(404);
  });

  it('has one address', async () => {
    expect(await ask('/dashboard')).toMatchObject({
      status: 301,
      headers: { location: '/dashboard/' },
    });
  });
});

it('a pack opens as it was made, wherever it lies', () => {
  const file = (text: string): { type: string; forever: boolean; gzip: Uint8Array } => ({
    type: 'text/plain',
    forever: text === 'b',
    gzip: new Uint8Array(gzipSync(text)),
  });
  const files = new Map([
    ['a', file('a')],
    ['ü', file('b')],
  ]);
  const moved = new Uint8Array(Buffer.concat([Buffer.from('xyz'), makePack(files)])).subarray(3);
  const opened = openPack(moved);
  expect([...opened.keys()]).toEqual(['a', 'ü']);
  for (const [name, { gzip, ...rest }] of files) {
    const found = opened.get(name);
    expect(found).toMatchObject(rest);
    expect(Buffer.from(found!.gzip)).toEqual(Buffer.from(gzip));
  }
});
