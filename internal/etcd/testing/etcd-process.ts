import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { requireProgram } from '../../../test/packages.ts';
import { EtcdConnection } from '../client/connection.ts';

/**
 * An etcd of the machine (SKIFF_ETCD names another), in memory-backed files, as the judge of what
 * is right.
 */
export interface EtcdProcess {
  endpoint: string;
  pid: number;
  stop(): Promise<void>;
}

export function etcdBinary(): string {
  return requireProgram('etcd');
}

/** A folder that needs no disk where there is one. */
export function fastDir(): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'skiff-store-'));
}

/** `dir` may hold what another etcd left, or a restored snapshot. */
export async function startEtcd(binary: string, dir = fastDir()): Promise<EtcdProcess> {
  const [client, peer] = [await freePort(), await freePort()];
  const endpoint = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const child: ChildProcess = spawn(
    binary,
    [
      '--data-dir',
      dir,
      '--listen-client-urls',
      endpoint,
      '--advertise-client-urls',
      endpoint,
      '--listen-peer-urls',
      peerUrl,
      '--initial-advertise-peer-urls',
      peerUrl,
      '--initial-cluster',
      `default=${peerUrl}`,
      '--log-level',
      'error',
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const connection = new EtcdConnection({ endpoints: [endpoint] });
  for (let tries = 0; ; tries++) {
    try {
      await connection.call('KV/Range', ['RangeRequest', { key: 'a' }], 'RangeResponse', 2000);
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  connection.close();
  return {
    endpoint,
    pid: child.pid as number,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
