import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { requireProgram } from '../packages.ts';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { ok, run, TestCluster } from './node.ts';

export interface WebCluster {
  cluster: TestCluster;
  agent: AgentMachine;
  /** A folder of this test's own. */
  dir: string;
  /** To be called when a test fails, so that the logs are shown at the end. */
  failed(): void;
  /** The processes of HAProxy on the server's machine. */
  proxies(): string[];
  /** A Secret of this name with a certificate for a host; its file is what comes back. */
  tlsSecret(name: string, hostName: string, namespace?: string): string;
}

/** A server, and an agent that may join, for tests of what HAProxy serves. */
export function webCluster(name: string, prepare: (cluster: TestCluster) => void): WebCluster {
  const cluster = new TestCluster('server');
  const agent = new AgentMachine('agent');
  const dir = mkdtempSync(join(tmpdir(), `skiff-${name}-`));
  let hasFailed = false;
  beforeAll(async () => {
    requireProgram('haproxy');
    await cluster.up({ images: [busybox()] });
    prepare(cluster);
  });
  afterAll(() => {
    agent.down(hasFailed);
    cluster.down(hasFailed);
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    cluster,
    agent,
    dir,
    failed: () => void (hasFailed = true),
    proxies: () => cluster.node.exec(['pgrep', '-x', 'haproxy']).stdout.split('\n').filter(Boolean),
    tlsSecret(secret, hostName, namespace = 'default') {
      const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      const subject = ['-subj', `/CN=${hostName}`, '-addext', `subjectAltName=DNS:${hostName}`];
      ok(['openssl', 'req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]);
      const made = ['create', 'secret', 'tls', secret, '-n', namespace];
      const files = [`--key=${key}`, `--cert=${cert}`];
      cluster.apply(cluster.k(...made, ...files, '--dry-run=client', '-o', 'yaml'));
      return cert;
    },
  };
}

/** What curl says: the body, and then the status; undefined when nobody answers. */
export function curl(
  ip: string,
  name: string,
  at = '/',
  more: string[] = [],
  port = 0,
): string | undefined {
  const scheme = more.includes('-k') ? 'https' : 'http';
  const number = port || (scheme === 'https' ? 443 : 80);
  const said = run([
    ...['curl', '-s', '-m', '10', '--path-as-is', '--resolve', `${name}:${number}:${ip}`],
    ...['-w', ' %{http_code}', ...more, `${scheme}://${name}:${number}${at}`],
  ]);
  return said.code === 0 ? said.stdout.replace(/\s+/g, ' ').trim() : undefined;
}
