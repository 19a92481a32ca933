import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Entry, imageArchive, type ImageConfig } from '../../../images/archive.ts';
import type { TestCluster } from '../../e2e/node.ts';

/** What somebody else wrote, installed as its makers say, and used. */
export interface Application {
  name: string;
  /** Files of INSTRUMENTS/apps that it is made of; without them it is left out. */
  needs: string[];
  images(folder: string): Image[];
  install(cluster: TestCluster, folder: string): void | Promise<void>;
  /** Uses it. Asked again after the machine lost its power. */
  check(cluster: TestCluster, again: boolean): Promise<void>;
}

export interface Image {
  name: string;
  /** Programs of INSTRUMENTS/apps, by their path in the image. */
  programs: Record<string, string>;
  config?: ImageConfig;
}

/** An image of static programs alone, with what Go looks for: users, a place for temporary files. */
export function archiveOf(folder: string, { name, programs, config = {} }: Image): Buffer {
  const entries: Entry[] = [
    { path: 'tmp', directory: true, mode: 0o1777 },
    { path: 'etc/passwd', data: 'root:x:0:0::/:\nnobody:x:65534:65534::/:\n' },
    { path: 'etc/nsswitch.conf', data: 'hosts: files dns\n' },
    ...Object.entries(programs).map(([path, file]) => ({
      path: path.replace(/^\//, ''),
      data: readFileSync(join(folder, file)),
      mode: 0o755,
    })),
  ];
  const [first = ''] = Object.keys(programs);
  return imageArchive({
    name,
    arch: process.arch,
    layers: [entries],
    config: { entrypoint: [first], ...config },
  });
}

/** A file of upstream's, changed where this cluster is another than its makers thought. */
export function manifest(path: string, ...changes: [from: string | RegExp, to: string][]): string {
  let text = readFileSync(path, 'utf8');
  for (const [from, to] of changes) {
    const changed = text.replaceAll(from, to);
    if (changed === text) throw new Error(`${path} has no ${String(from)}`);
    text = changed;
  }
  return text;
}
