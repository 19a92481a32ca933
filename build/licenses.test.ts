import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { licenseNotices, packageDirs } from './licenses.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'licenses-'));
  write('LICENSE', 'our own terms');
  write('node/package.json', JSON.stringify({ name: 'node', version: '24.0.0', license: 'MIT' }));
  write('node/LICENSE', "Node's terms");
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(join(dir, path, '..'), { recursive: true });
  writeFileSync(join(dir, path), text);
}

function notices(name: string, manifest: object, files: Record<string, string>): string {
  write(`${name}/package.json`, JSON.stringify({ name, version: '1.0.0', ...manifest }));
  for (const [file, text] of Object.entries(files)) write(`${name}/${file}`, text);
  return licenseNotices({
    own: join(dir, 'LICENSE'),
    dirs: [join(dir, name)],
    nodePackage: join(dir, 'node'),
    kubectl: false,
  });
}

test('the packages of files, those inside of others too', () => {
  expect(
    packageDirs('/r', [
      'internal/a.ts',
      'node_modules/pg/lib/a.js',
      'node_modules/pg/lib/b.js',
      'node_modules/@x/y/a.js',
      'node_modules/@x/y/node_modules/z/a.js',
    ]),
  ).toEqual(['/r/node_modules/pg', '/r/node_modules/@x/y', '/r/node_modules/@x/y/node_modules/z']);
});

test('every text is there', () => {
  const text = notices(
    'a',
    { license: 'MIT' },
    { 'LICENCE.md': 'terms of a', NOTICE: 'notice of a' },
  );
  for (const part of [
    'our own terms',
    "Node's terms",
    'SQLite is in the public domain',
    'a 1.0.0 (MIT)',
    'terms of a',
    'notice of a',
  ])
    expect(text).toContain(part);
  expect(text).not.toContain('kubectl');
});

test('a package without a file says it in its readme, or has an author', () => {
  expect(
    notices(
      'a',
      { license: 'ISC' },
      { 'README.md': '# a\n\n## License\n\nthe terms, told here\n' },
    ),
  ).toContain('the terms, told here');
  expect(notices('b', { license: 'ISC', author: { name: 'Jane' } }, {})).toContain('Author: Jane');
});

test('a part of a package is under the terms of the whole', () => {
  write('pty/LICENSE', 'terms of pty');
  expect(notices('pty-linux-x64', { license: 'MIT' }, {})).toContain('terms of pty');
});

test('a package that says nothing stops the build', () => {
  write('c-linux/x', '');
  expect(() => notices('c', {}, {})).toThrow('names no licence');
  expect(() => notices('c', { license: 'MIT' }, {})).toThrow(
    'c: no text of its licence (MIT) and no author',
  );
});
