import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { PlainAnswer, PlainRequest } from '../apiserver/options.ts';
import { openPack } from './pack.ts';

const root = '/dashboard/';

/**
 * Nothing but the files of this server and its API: a name, a log line or an annotation that is
 * taken for markup by mistake still finds nothing that would run it or carry it away.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const safe = {
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  vary: 'accept-encoding',
};

/**
 * The page's files, for everybody: there is no secret in them, and whoever opens the page has not
 * said yet who they are. What they see comes from the API, by their own rights. Nothing is kept
 * between two requests; the file that holds them is read when somebody looks.
 */
export function dashboardAnswers(
  read: (asset: string) => Promise<Uint8Array>,
): (request: PlainRequest) => Promise<PlainAnswer> | undefined {
  return (request) => {
    const { method, path } = request;
    if (!path.startsWith('/dashboard') || (method !== 'GET' && method !== 'HEAD')) return undefined;
    if (path === '/dashboard')
      return Promise.resolve({ ...plain(301, ''), headers: { ...safe, location: root } });
    if (!path.startsWith(root)) return undefined;
    return answer(request, path.slice(root.length) || 'index.html', read);
  };
}

async function answer(
  request: PlainRequest,
  name: string,
  read: (asset: string) => Promise<Uint8Array>,
): Promise<PlainAnswer> {
  const file = openPack(await read('dashboard.pack')).get(name);
  if (!file) return { ...plain(404, '404 page not found\n'), headers: safe };
  const packed = acceptsGzip(request.header('accept-encoding'));
  // One tag for each form of the file: a cache in between must not mix them.
  const hash = createHash('sha256').update(file.gzip).digest('base64url').slice(0, 22);
  const etag = `"${hash}${packed ? '-gz' : ''}"`;
  const headers = {
    ...safe,
    etag,
    // Names of parts carry a hash of their content; the others are asked for again, by their tag.
    'cache-control': file.forever ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  const known = request.header('if-none-match')?.split(',') ?? [];
  if (known.some((tag) => tag.trim().replace(/^W\//, '') === etag))
    return { ...plain(304, ''), headers };
  return {
    status: 200,
    contentType: file.type,
    body: packed ? Buffer.from(file.gzip) : gunzipSync(file.gzip),
    headers: packed ? { ...headers, 'content-encoding': 'gzip' } : headers,
  };
}

const acceptsGzip = (header = ''): boolean =>
  header.split(',').some((one) => /^\s*(?:x-)?gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(one));

const plain = (status: number, body: string): PlainAnswer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body,
});
