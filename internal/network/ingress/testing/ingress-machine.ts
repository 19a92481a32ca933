import { createServer, type RequestListener, type Server } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, requireProgram } from '../../../../test/packages.ts';
import type { ConfigMap, Node, Secret, Service } from '../../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/types/discovery-v1.ts';
import type { Ingress, IngressClass } from '../../../api/generated/types/networking-v1.ts';
import { FakeClient } from '../../../client/fake-client.ts';
import { mirrorFactory } from '../../../client/mirrors.ts';
import { refs } from '../../../client/refs.ts';
import { FakeClock } from '../../../io/clock-fake.ts';
import { realClock } from '../../../io/clock.ts';
import { realDisk } from '../../../io/disk.ts';
import { realHost } from '../../../io/host.ts';
import { silentLog } from '../../../io/log.ts';
import { realSpawn } from '../../../io/spawn.ts';
import { sliceIndexes } from '../../proxy/proxy.ts';
import { endAllHaproxies } from '../haproxy.ts';
import { startIngress } from '../ingress.ts';

/** Services are never on the loopback. */
export const ownAddress = (): string => {
  const found = realHost.addresses().find((one) => !one.loopback && !one.address.includes(':'));
  if (!found) throw new Error('this machine has no IPv4 address besides the loopback');
  return found.address;
};

export async function listening(server: NetServer, host: string): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const at = server.address();
  return typeof at === 'object' && at ? at.port : 0;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server, '0.0.0.0');
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until something is so. */
export async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await is()) return;
    await realClock.sleep('test', 25);
  }
  throw new Error(`not in time: ${what}`);
}

/** A real HAProxy on this machine, told by objects of a client in memory; a page stands behind it. */
export class IngressMachine {
  readonly dir = mkdtempSync(join(tmpdir(), 'skiff-in-'));
  readonly client = new FakeClient(new FakeClock());
  readonly #mirrors = mirrorFactory(this.client, realClock, silentLog);
  readonly #page: Server;
  httpPort = 0;
  httpsPort = 0;
  pagePort = 0;
  #running: { stop(): void } | undefined;

  constructor(page: RequestListener) {
    this.#page = createServer(page);
  }

  /** With a Service `web` in `shop` that leads to the page. */
  async up(): Promise<void> {
    requireProgram('haproxy');
    const address = ownAddress();
    this.pagePort = await listening(this.#page, address);
    [this.httpPort, this.httpsPort] = [await freePort(), await freePort()];
    const { client } = this;
    const spec = { controller: 'skiff/ingress' };
    await client.create(refs.ingressClasses, { metadata: { name: 'skiff' }, spec });
    await client.create(refs.nodes, { metadata: { name: 'n1' } });
    await client.create(refs.services, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { clusterIP: address, ports: [{ port: this.pagePort }] },
    });
    const mirrors = this.#mirrors;
    this.#running = startIngress({
      dir: this.dir,
      httpPort: this.httpPort,
      httpsPort: this.httpsPort,
      ipv6: true,
      binary: findProgram('haproxy') ?? 'haproxy',
      clock: realClock,
      disk: realDisk,
      spawn: realSpawn,
      log: silentLog,
      ingresses: mirrors.of<Ingress>(refs.ingresses),
      classes: mirrors.of<IngressClass>(refs.ingressClasses),
      services: mirrors.of<Service>(refs.services),
      nodes: mirrors.of<Node>(refs.nodes),
      slices: mirrors.of<EndpointSlice>(refs.endpointSlices, { indexes: sliceIndexes }),
      settings: mirrors.of<ConfigMap>(refs.configMaps),
      secret: () => mirrors.of<Secret>(refs.secrets),
      authority: () => mirrors.of<ConfigMap>(refs.configMaps),
      nodeName: 'n1',
      gateways: mirrors,
      reservedPorts: [],
      trouble: () => undefined,
      portTrouble: () => undefined,
    });
  }

  /** An Ingress that leads all of a host to the page. */
  async serve(host: string, annotations: Record<string, string> = {}): Promise<void> {
    const backend = { service: { name: 'web', port: { number: this.pagePort } } };
    const paths = [{ path: '/', pathType: 'Prefix', backend }];
    const named = Object.entries(annotations).map(([k, v]) => [`ingress.skiff/${k}`, v]);
    await this.client.create(refs.ingresses, {
      metadata: { name: host, namespace: 'shop', annotations: Object.fromEntries(named) },
      spec: { ingressClassName: 'skiff', rules: [{ host, http: { paths } }] },
    });
  }

  async down(): Promise<void> {
    this.#running?.stop();
    const doors = { spawn: realSpawn, clock: realClock, disk: realDisk };
    await endAllHaproxies({ ...doors, dir: this.dir });
    this.#mirrors.stop();
    this.#page.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
