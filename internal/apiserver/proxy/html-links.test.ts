import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { HtmlLinks } from './html-links.ts';

const prefixed = (url: string): string => (url.startsWith('/') ? `/P${url}` : url);

async function through(pieces: (string | Buffer)[]): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of Readable.from(
    pieces.map((piece) => Buffer.from(piece as string, 'latin1')),
    { objectMode: true },
  ).pipe(new HtmlLinks(prefixed)))
    parts.push(part as Buffer);
  return Buffer.concat(parts).toString('latin1');
}

const page = [
  '<!DOCTYPE html><html><head><title>a <a href="/no"> b</title><script>if (a < b) x = "<a ' +
    "href='/no'>\";</script><link href='/style.css'></head>",
  '<body background="/b"><!-- <x> --><a class=x href = "/a?b=c>d">1 < 2</a><img ' +
    'src="rel.png" data-x="/y"><form action="/f"></form><SCRIPT src="/s.js"></SCRIPT ><a ' +
    'href="//h/x" title="it\'s">\u00e9\u00ff</a><style></style><a href="/z"',
  '>',
].join('');
const wanted = [
  '<!DOCTYPE html><html><head><title>a <a href="/no"> b</title><script>if (a < b) x = "<a ' +
    "href='/no'>\";</script><link href='/P/style.css'></head>",
  '<body background="/P/b"><!-- <x> --><a class=x href = "/P/a?b=c>d">1 < 2</a><img ' +
    'src="rel.png" data-x="/y"><form action="/P/f"></form><SCRIPT src="/P/s.js"></SCRIPT ><a ' +
    'href="/P//h/x" title="it\'s">\u00e9\u00ff</a><style></style><a href="/P/z"',
  '>',
].join('');

test('links in tags are rewritten, text and scripts are not', async () => {
  expect(await through([page])).toBe(wanted);
});

test('however the page is cut', async () => {
  expect(await through(Array.from(page))).toBe(wanted);
  for (let at = 1; at < page.length; at++)
    expect(await through([page.slice(0, at), page.slice(at)])).toBe(wanted);
});

test('what never ends comes out as it went in', async () => {
  for (const text of [
    '<',
    '<a',
    '<a href="/x',
    '<script>x</scrip',
    `<a title="${'y'.repeat(40_000)}" href="/x">`,
    '<a <a <a '.repeat(9000),
    'a<b'.repeat(9000),
  ])
    expect((await through(text.match(/[^]{1,1000}/g) ?? [])) === text).toBe(true);
});

test('a tag that grows by single bytes costs no more than its length', async () => {
  const links = new HtmlLinks(prefixed);
  // Of this process alone: the machine may be busy with something else.
  const before = process.cpuUsage();
  for (let i = 0; i < 300_000; i++)
    links._transform(Buffer.from(i % 20_000 === 0 ? '<' : 'a'), '', () => undefined);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(3000);
});
