/**
 * Applications that other people wrote, on a cluster of ours: each is installed as its makers say,
 * used, and used again after the machine lost its power.
 *
 *     node test/conformance/applications.ts --instruments DIR [--only NAME] [--table FILE]
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { putHelm } from '../e2e/charts.ts';
import { busybox } from '../e2e/images.ts';
import { TestCluster } from '../e2e/node.ts';
import { type Application, archiveOf } from './applications/application.ts';
import { certManager } from './applications/certificates.ts';
import { mesh } from './applications/mesh.ts';
import { metricsServer } from './applications/metrics-server.ts';
import { nats } from './applications/nats.ts';
import { prometheus } from './applications/prometheus.ts';
import { sampleController } from './applications/sample-controller.ts';

const { values } = parseArgs({
  options: { instruments: { type: 'string' }, only: { type: 'string' }, table: { type: 'string' } },
});
if (!values.instruments) {
  process.stderr.write('usage: applications.ts --instruments DIR [--only NAME] [--table FILE]\n');
  process.exit(1);
}
const folder = resolve(values.instruments, 'apps');
const all: Application[] = [nats, mesh, sampleController, metricsServer, certManager, prometheus];
const chosen = all.filter(({ name }) => name.toLowerCase().includes(values.only ?? ''));
const rows: string[] = [];
const told = (name: string, state: string, seconds: number, why = ''): void => {
  rows.push([state, seconds.toFixed(1), name, why].join('\t').trimEnd());
  process.stdout.write(`${rows.at(-1)}\n`);
};

const cluster = new TestCluster();
const images = join(cluster.node.disk, 'images-of-applications');
mkdirSync(images);
const there = chosen.filter((app) => {
  const missing = app.needs.filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0) told(app.name, 'left out', 0, `no ${missing.join(', ')}`);
  return missing.length === 0;
});
const archives = there.flatMap((app) =>
  app.images(folder).map((image) => {
    const file = join(images, `${image.name.replace(/\W+/g, '-')}.tar`);
    writeFileSync(file, archiveOf(folder, image));
    return file;
  }),
);

/** One step of an application; what fails once is not asked again. */
async function step(
  app: Application,
  what: string,
  work: () => void | Promise<void>,
): Promise<void> {
  if (failed.has(app)) return;
  const began = performance.now();
  try {
    await work();
    told(`${app.name}: ${what}`, 'passed', (performance.now() - began) / 1000);
  } catch (error) {
    failed.add(app);
    const why = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
    told(`${app.name}: ${what}`, 'failed', (performance.now() - began) / 1000, why.slice(0, 1000));
  }
}
const failed = new Set<Application>();
try {
  putHelm(cluster.node.disk);
  const flags = there.includes(metricsServer) ? ['--disable=metrics-server'] : [];
  await cluster.up({ images: [busybox(), ...archives], flags });
  rmSync(images, { recursive: true });
  for (const app of there) {
    await step(app, 'installed', () => app.install(cluster, folder));
    await step(app, 'used', () => app.check(cluster, false));
  }
  cluster.node.powerCut();
  await cluster.node.boot();
  cluster.startServer();
  await cluster.ready(120_000);
  for (const app of there) await step(app, 'after a power cut', () => app.check(cluster, true));
} finally {
  cluster.down(failed.size > 0);
}
if (values.table) writeFileSync(values.table, rows.map((row) => `${row}\n`).join(''));
process.exit(failed.size > 0 ? 1 : 0);
