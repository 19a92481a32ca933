import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { helmVersion } from '../../build/kubectl.ts';
import { tar } from '../../images/archive.ts';
import { root } from './node.ts';

/** A packaged chart of these templates. */
export function packaged(
  name: string,
  version: string,
  files: { values: string; templates: Record<string, string> },
): Buffer {
  const entries = [
    {
      path: `${name}/Chart.yaml`,
      data: `apiVersion: v2\nname: ${name}\nversion: ${version}\nappVersion: "1"\n`,
    },
    { path: `${name}/values.yaml`, data: files.values },
    ...Object.entries(files.templates).map(([file, data]) => ({
      path: `${name}/templates/${file}`,
      data,
    })),
  ];
  return gzipSync(tar(entries));
}

/** Writes a folder that is a chart repository. */
export function writeRepository(
  dir: string,
  url: string,
  charts: { name: string; version: string; archive: Buffer }[],
): void {
  mkdirSync(dir, { recursive: true });
  const lines = ['apiVersion: v1', 'entries:'];
  for (const name of new Set(charts.map((one) => one.name))) {
    lines.push(`  ${name}:`);
    for (const { version, archive } of charts.filter((one) => one.name === name)) {
      const file = `${name}-${version}.tgz`;
      writeFileSync(join(dir, file), archive);
      const digest = createHash('sha256').update(archive).digest('hex');
      lines.push(
        `  - {apiVersion: v2, name: ${name}, version: ${version}, digest: ${digest}, ` +
          `urls: ["${url}/${file}"]}`,
      );
    }
  }
  writeFileSync(join(dir, 'index.yaml'), `${lines.join('\n')}\n`);
}

/** Serves a folder; with `user:password` only to who says so. */
export function serveFolder(dir: string, address: string, password?: string): ChildProcess {
  const conf = join(dir, '..', `${address.replace(/\W/g, '-')}.conf`);
  writeFileSync(conf, password === undefined ? '' : `/:${password}\n`);
  return spawn('busybox', ['httpd', '-f', '-p', address, '-h', dir, '-c', conf, '-r', 'charts'], {
    stdio: 'ignore',
  });
}

/** Puts the Helm that the build brought where the server of a machine looks for it. */
export function putHelm(disk: string): void {
  const bin = join(disk, 'var/lib/skiff/bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(join(root, 'dist', `helm-${helmVersion}-${process.arch}`), join(bin, 'helm'));
}
