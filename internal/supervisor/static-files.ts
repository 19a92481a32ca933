import { join } from 'node:path';
import type { PlainAnswer, PlainRequest } from '../apiserver/options.ts';
import type { Disk } from '../io/disk.ts';
import { text } from './plain-answers.ts';

const prefix = '/static/';
const op = 'static';
/** A chart is some hundred kilobytes; larger files have other ways. */
const mostBytes = 64 * 1024 * 1024;
const plainName = /^[A-Za-z0-9_][\w.+-]*$/;

/**
 * Files below `<data-dir>/server/static`, for everybody as with k3s: charts that travel with the
 * machine. No name leads out of the folder, and no link is followed.
 */
export function staticFiles(
  disk: Disk,
  dir: string,
): (request: PlainRequest) => Promise<PlainAnswer> | undefined {
  return ({ method, path }) => {
    if (!path.startsWith(prefix) || (method !== 'GET' && method !== 'HEAD')) return undefined;
    return answer(disk, dir, path.slice(prefix.length).split('/'));
  };
}

async function answer(disk: Disk, dir: string, names: string[]): Promise<PlainAnswer> {
  const missing = text(404, '404 page not found\n');
  let at = dir;
  for (const [i, name] of names.entries()) {
    if (!plainName.test(name)) return missing;
    at = join(at, name);
    const stat = await disk.stat(op, at);
    const last = i === names.length - 1;
    if (stat?.kind !== (last ? 'file' : 'dir') || (last && stat.size > mostBytes)) return missing;
  }
  const body = await disk.readIfThere(op, at);
  return body ? { status: 200, contentType: 'application/octet-stream', body } : missing;
}
