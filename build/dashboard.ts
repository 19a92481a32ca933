import { buildSync } from 'esbuild';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { makePack, type PageFile } from '../internal/dashboard/pack.ts';
import { root } from './bundle.ts';

const page = 'internal/dashboard/page';
const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};
/** As they are: what they hold has no other name. */
const still = ['index.html', 'icon.svg'];

/**
 * The page of `internal/dashboard/page`, bundled for browsers and packed. Parts that few views need
 * (terminal, YAML) are files of their own, loaded when such a view is opened.
 */
export function bundlePage(): { pack: Uint8Array; inputs: string[] } {
  const { outputFiles, metafile } = buildSync({
    entryPoints: { app: join(root, page, 'main.tsx'), style: join(root, page, 'style.css') },
    outdir: '/dashboard',
    absWorkingDir: root,
    tsconfig: join(root, page, 'tsconfig.json'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome123', 'firefox121', 'safari17.5'],
    minify: true,
    legalComments: 'none',
    chunkNames: 'part-[name]-[hash]',
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const files = new Map<string, PageFile>();
  for (const name of still) files.set(name, pageFile(name, readFileSync(join(root, page, name))));
  for (const { path, contents } of outputFiles.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
    files.set(basename(path), pageFile(basename(path), contents));
  return { pack: makePack(files), inputs: Object.keys(metafile.inputs) };
}

/** What a source tree serves in the place of the asset that the executable holds. */
export const build = (): Uint8Array => bundlePage().pack;

function pageFile(name: string, bytes: Uint8Array): PageFile {
  return {
    type: types[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
    forever: name.startsWith('part-'),
    gzip: gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }),
  };
}
