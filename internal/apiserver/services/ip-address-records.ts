import { refs } from '../../api/generated/refs.ts';
import { registryKey, registryPrefix } from '../../api/registry-key.ts';
import type { Service, ServiceSpec } from '../../api/generated/types/core-v1.ts';
import type { IPAddress } from '../../api/generated/types/networking-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { lookup, lookupAll } from '../admission/lookup.ts';
import { systemCall } from '../bootstrap/reconcile.ts';
import type { Core } from '../registry/core.ts';
import { createObject } from '../registry/create.ts';
import { deleteObject } from '../registry/delete.ts';
import { ipsOf } from './service-ips.ts';

const managedBy = 'ipaddress.kubernetes.io/managed-by';
const allocator = 'ipallocator.k8s.io';

/**
 * networking.k8s.io/v1 IPAddress: one object for each cluster address in use, for those who look.
 */
export class IpAddressRecords {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  async sync(
    now: Service | undefined,
    before: Service | undefined,
    dryRun: boolean,
  ): Promise<void> {
    if (dryRun) return;
    const kept = ipsOf(now?.spec as ServiceSpec | undefined);
    const had = ipsOf(before?.spec as ServiceSpec | undefined);
    for (const ip of kept) if (!had.includes(ip) && now) await this.#create(ip, now);
    for (const ip of had) if (!kept.includes(ip)) await this.#remove(ip);
  }

  /**
   * After records may have been lost or left over: a write of the service and one of its record are
   * two.
   */
  async repair(): Promise<void> {
    // Records first: whose service is not there afterwards has none any more.
    const found = (await lookupAll<IPAddress>(this.#core, registryPrefix(refs.ipAddresses))).filter(
      (one) => one.metadata.labels?.[managedBy] === allocator,
    );
    const holders = new Map(
      (await lookupAll<Service>(this.#core, registryPrefix(refs.services))).flatMap((service) =>
        ipsOf(service.spec as ServiceSpec).map((ip) => [ip, service] as const),
      ),
    );
    for (const { metadata } of found)
      if (!holders.has(metadata.name ?? '')) await this.#remove(metadata.name ?? '');
    const there = new Set(found.map((one) => one.metadata.name));
    for (const [ip, service] of holders) if (!there.has(ip)) await this.#create(ip, service);
  }

  /** Somebody deleted the record of an address that is in use. */
  async restore({ metadata, spec }: IPAddress): Promise<void> {
    const { namespace, name } = spec?.parentRef ?? {};
    const ip = metadata.name ?? '';
    const service = await lookup<Service>(this.#core, registryKey(refs.services, namespace, name));
    if (service && ipsOf(service.spec as ServiceSpec).includes(ip)) await this.#create(ip, service);
  }

  async #create(ip: string, service: Service): Promise<void> {
    const call = systemCall(this.#core, ref, '', ip);
    const object = {
      kind: 'IPAddress',
      apiVersion: 'networking.k8s.io/v1',
      metadata: {
        name: ip,
        labels: {
          'ipaddress.kubernetes.io/ip-family': ip.includes(':') ? 'IPv6' : 'IPv4',
          [managedBy]: allocator,
        },
      },
      spec: {
        parentRef: {
          group: '',
          resource: 'services',
          namespace: service.metadata.namespace,
          name: service.metadata.name,
        },
      },
    };
    await tolerate(
      createObject(this.#core, call, call.resource.engine.normalize(object).object as KubeObject),
      'AlreadyExists',
    );
  }

  async #remove(ip: string): Promise<void> {
    await tolerate(deleteObject(this.#core, systemCall(this.#core, ref, '', ip), {}), 'NotFound');
  }
}

const ref = { group: 'networking.k8s.io', version: 'v1', resource: 'ipaddresses' };

async function tolerate(effect: Promise<unknown>, reason: string): Promise<void> {
  try {
    await effect;
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== reason) throw error;
  }
}
