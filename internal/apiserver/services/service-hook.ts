import { familyOf, parseIp, type Family } from '../../base/addresses.ts';
import type { Service, ServicePort, ServiceSpec } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { ApiError, invalid, type FieldError } from '../../api/status.ts';
import type { Call } from '../registry/call.ts';
import type { Undo, WriteHook } from '../registry/write-hooks.ts';
import type { IpAllocator, PortAllocator } from './ip-allocator.ts';
import type { SharedAllocations } from './shared-allocations.ts';
import { ipsOf, isHeadless, needsIp } from './service-ips.ts';
import type { IpAddressRecords } from './ip-address-records.ts';

export interface Allocators {
  ips: IpAllocator;
  ports: PortAllocator;
  records: IpAddressRecords;
  /** Other servers give away addresses too: what is taken is allocated in the store. */
  shared?: SharedAllocations;
}

const kind = { group: '', kind: 'Service' };

const needsPorts = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' ||
  (spec.type === 'LoadBalancer' && (spec.allocateLoadBalancerNodePorts ?? true));
const needsHealthPort = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

/**
 * Services take their addresses and ports with the write that needs them (registry/core/service
 * storage and alloc).
 */
export function serviceHook(allocators: Allocators): WriteHook {
  const { shared } = allocators;
  return {
    ...(shared && {
      allocations: (now, before) =>
        shared.of(now as Service | undefined, before as Service | undefined),
      taken: (keys) => shared.taken(keys),
    }),
    beginCreate(call, object) {
      const service = object as Service;
      normalizeIps(service.spec as ServiceSpec);
      return new Taking(allocators, call, service).run(undefined);
    },
    beginUpdate(call, object, old) {
      const service = object as Service;
      const before = (old as Service).spec as ServiceSpec;
      if (call.subresource) return undefined;
      const spec = service.spec as ServiceSpec;
      takeOver(spec, before);
      normalizeIps(spec);
      return new Taking(allocators, call, service).run(before);
    },
    async afterCreate(call, object) {
      await allocators.records.sync(object as Service, undefined, call.dryRun);
    },
    async afterUpdate(_call, object, old) {
      const now = (object as Service).spec as ServiceSpec;
      const before = (old as Service).spec as ServiceSpec;
      release(allocators, before, now);
      await allocators.records.sync(object as Service, old as Service, false);
    },
    async afterDelete(_call, object: KubeObject) {
      release(allocators, (object as Service).spec as ServiceSpec, undefined);
      await allocators.records.sync(undefined, object as Service, false);
    },
  };
}

/** clusterIP and the first of clusterIPs must be equal. */
function normalizeIps(spec: ServiceSpec): void {
  if (!needsIp(spec) && !spec.clusterIP && !spec.clusterIPs?.length) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    return;
  }
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  else if (!spec.clusterIP && spec.clusterIPs?.length) spec.clusterIP = spec.clusterIPs[0] ?? '';
}

/** What an update does not say stays as it was; what the type no longer has is dropped. */
function takeOver(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsIp(spec) && needsIp(before)) {
    if (!spec.clusterIP) spec.clusterIP = before.clusterIP ?? '';
    if (!spec.clusterIPs?.length && spec.clusterIP === before.clusterIP)
      spec.clusterIPs = before.clusterIPs ? [...before.clusterIPs] : undefined;
    else if (
      spec.clusterIP !== before.clusterIP &&
      JSON.stringify(spec.clusterIPs) === JSON.stringify(before.clusterIPs)
    )
      spec.clusterIPs = spec.clusterIP ? [spec.clusterIP] : undefined;
  } else if (!needsIp(spec) && needsIp(before)) {
    if (spec.clusterIP === before.clusterIP) delete spec.clusterIP;
    if (JSON.stringify(spec.clusterIPs) === JSON.stringify(before.clusterIPs))
      delete spec.clusterIPs;
    if (JSON.stringify(spec.ipFamilies) === JSON.stringify(before.ipFamilies))
      delete spec.ipFamilies;
    if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy;
  }
  if (needsPorts(spec) && needsPorts(before)) {
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const same = (before.ports ?? []).find(
        (one) => one.protocol === port.protocol && one.port === port.port,
      );
      const asked = (spec.ports ?? []).some(
        (one) => one !== port && one.nodePort === same?.nodePort && one.protocol === port.protocol,
      );
      if (same?.nodePort && !asked) port.nodePort = same.nodePort;
    }
  } else if (needsPorts(before)) {
    for (const port of spec.ports ?? [])
      if ((before.ports ?? []).some((one) => one.nodePort === port.nodePort)) delete port.nodePort;
  }
  if (needsHealthPort(spec) && needsHealthPort(before) && !spec.healthCheckNodePort)
    spec.healthCheckNodePort = before.healthCheckNodePort;
  else if (!needsHealthPort(spec) && spec.healthCheckNodePort === before.healthCheckNodePort)
    delete spec.healthCheckNodePort;
  if (spec.type !== 'LoadBalancer' && before.type === 'LoadBalancer') {
    delete spec.allocateLoadBalancerNodePorts;
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
  }
  const external = (one: ServiceSpec): boolean =>
    one.type === 'NodePort' || one.type === 'LoadBalancer' || (one.externalIPs?.length ?? 0) > 0;
  if (
    !external(spec) &&
    external(before) &&
    spec.externalTrafficPolicy === before.externalTrafficPolicy
  )
    delete spec.externalTrafficPolicy;
}

/** Takes what one write needs; everything is given back when the write fails. */
class Taking {
  readonly #allocators: Allocators;
  readonly #service: Service;
  readonly #call: Call;
  readonly #undo: Undo[] = [];

  constructor(allocators: Allocators, call: Call, service: Service) {
    this.#allocators = allocators;
    this.#call = call;
    this.#service = service;
  }

  run(before: ServiceSpec | undefined): Undo {
    const spec = this.#service.spec as ServiceSpec;
    try {
      if (needsIp(spec)) this.#families(spec, before);
      if (needsIp(spec) && !isHeadless(spec)) this.#addresses(spec, before);
      this.#ports(spec, before);
    } catch (error) {
      this.#giveBack();
      throw error;
    }
    return () => this.#giveBack();
  }

  #giveBack(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  /** What a Service says of families, or leaves to the cluster (storage/alloc.go). */
  #families(spec: ServiceSpec, before: ServiceSpec | undefined): void {
    const own = this.#allocators.ips.ranges.families.map(nameOfFamily);
    const others = (all: string[]): string[] => own.filter((one) => !all.includes(one));
    // What follows the cluster goes on as it is, whatever families that has by now.
    if (before && followsAsBefore(spec, before)) return;
    if (before && needsIp(before) && spec.ipFamilyPolicy === 'SingleStack') trim(spec, before);
    const addresses = (spec.clusterIPs ?? []).filter((ip) => ip && ip !== 'None');
    const said = [...(spec.ipFamilies ?? [])];
    addresses.forEach((ip, i) => {
      const parsed = parseIp(ip);
      if (parsed && said[i] === undefined) said.push(nameOfFamily(familyOf(parsed)));
    });
    if (!spec.ipFamilyPolicy && (said.length === 2 || addresses.length === 2))
      spec.ipFamilyPolicy = 'RequireDualStack';
    this.#fewEnough(spec, addresses);
    // A headless Service without a selector may use any family.
    if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) {
      spec.ipFamilyPolicy ??= 'RequireDualStack';
      const first = said[0] ?? own[0] ?? '';
      if (spec.ipFamilyPolicy !== 'SingleStack' && said.length < 2)
        spec.ipFamilies = [first, first === 'IPv4' ? 'IPv6' : 'IPv4'];
      else spec.ipFamilies = said.length > 0 ? said : [first];
      return;
    }
    this.#known(spec, before, said, own);
    spec.ipFamilyPolicy ??= 'SingleStack';
    if (said.length === 0) said.push(...own.slice(0, 1));
    if (spec.ipFamilyPolicy !== 'SingleStack' && said.length === 1) said.push(...others(said));
    spec.ipFamilies = said;
  }

  /** One family has one address. */
  #fewEnough(spec: ServiceSpec, addresses: readonly string[]): void {
    if (spec.ipFamilyPolicy !== 'SingleStack') return;
    const many = [
      ...(addresses.length > 1 ? ['clusterIPs'] : []),
      ...((spec.ipFamilies?.length ?? 0) > 1 ? ['ipFamilies'] : []),
    ];
    if (many.length === 0) return;
    this.#refuse(
      many.map((what) => ({
        type: 'FieldValueInvalid',
        field: 'spec.ipFamilyPolicy',
        value: spec.ipFamilyPolicy,
        detail: `must be RequireDualStack or PreferDualStack when multiple ${what} are specified`,
      })),
    );
  }

  /** Families that the cluster has not are refused, but for those that were there before. */
  #known(
    spec: ServiceSpec,
    before: ServiceSpec | undefined,
    families: string[],
    own: string[],
  ): void {
    const errors: FieldError[] = [];
    if (
      own.length < 2 &&
      spec.ipFamilyPolicy === 'RequireDualStack' &&
      before?.ipFamilyPolicy !== 'RequireDualStack'
    ) {
      errors.push({
        type: 'FieldValueInvalid',
        field: 'spec.ipFamilyPolicy',
        value: spec.ipFamilyPolicy,
        detail: 'this cluster is not configured for dual-stack services',
      });
    }
    families.forEach((one, i) => {
      if (
        (one === 'IPv4' || one === 'IPv6') &&
        !own.includes(one) &&
        !before?.ipFamilies?.includes(one) &&
        // Of an address alone the allocator says more.
        spec.ipFamilies?.[i] !== undefined
      ) {
        errors.push({
          type: 'FieldValueInvalid',
          field: `spec.ipFamilies[${i}]`,
          value: one,
          detail: 'not configured on this cluster',
        });
      }
    });
    if (errors.length > 0) this.#refuse(errors);
  }

  #addresses(spec: ServiceSpec, before: ServiceSpec | undefined): void {
    const held = new Set(before && needsIp(before) ? (before.clusterIPs ?? []) : []);
    const asked = spec.clusterIPs?.length
      ? spec.clusterIPs
      : spec.clusterIP
        ? [spec.clusterIP]
        : [];
    const families = spec.ipFamilies ?? [];
    const has = asked.map((ip) => {
      const parsed = parseIp(ip);
      return parsed && nameOfFamily(familyOf(parsed));
    });
    const given = families.flatMap((family, i) => {
      // An address stands in the place of its family; one out of place is for validation.
      const wanted = asked[i] && (has[i] === family || i === 0) ? asked[i] : '';
      return wanted ? this.#asked(wanted, { spec, before, held }) : this.#any(family);
    });
    // More addresses than families are for validation, too.
    if (asked.length > given.length) return;
    spec.clusterIPs = given;
    spec.clusterIP = given[0] ?? '';
  }

  #any(family: string): string {
    const ip = this.#allocators.ips.next(family === 'IPv6' ? 6 : 4);
    if (!ip)
      throw new ApiError(
        'InternalError',
        'Internal error occurred: failed to allocate a serviceIP: range is full',
      );
    this.#undo.push(() => this.#allocators.ips.free(ip));
    return ip;
  }

  #asked(
    wanted: string,
    o: { spec: ServiceSpec; before: ServiceSpec | undefined; held: ReadonlySet<string> },
  ): string {
    const { spec, before, held } = o;
    if (held.has(wanted)) return wanted;
    // Changing an address in place is for validation to refuse.
    const changes = before && needsIp(before) && !isHeadless(before) && before.clusterIP;
    if (changes && wanted === spec.clusterIPs?.[0]) return wanted;
    const why = this.#allocators.ips.take(wanted);
    if (why)
      this.#refuse([
        {
          type: 'FieldValueInvalid',
          field: 'spec.clusterIPs',
          value: spec.clusterIPs ?? [wanted],
          detail: `failed to allocate IP ${wanted}: ${why}`,
        },
      ]);
    this.#undo.push(() => this.#allocators.ips.free(wanted));
    return wanted;
  }

  #ports(spec: ServiceSpec, before: ServiceSpec | undefined): void {
    const held = portsOf(before);
    const own = new Map<number, Set<string>>();
    const ports = needsPorts(spec) || spec.type === 'LoadBalancer' ? (spec.ports ?? []) : [];
    ports.forEach((port, i) => {
      if (port.nodePort) this.#named(port, i, held, own);
    });
    for (const port of needsPorts(spec) ? ports : []) if (!port.nodePort) this.#anyPort(port, own);
    if (needsHealthPort(spec)) this.#healthPort(spec, held);
  }

  #named(port: ServicePort, index: number, held: Set<number>, own: Map<number, Set<string>>): void {
    const number = port.nodePort ?? 0;
    const protocols = own.get(number);
    if (!protocols && !held.has(number)) {
      const why = this.#allocators.ports.take(number);
      if (why)
        this.#refuse([
          {
            type: 'FieldValueInvalid',
            field: `spec.ports[${index}].nodePort`,
            value: number,
            detail: why,
          },
        ]);
      this.#undo.push(() => this.#allocators.ports.free(number));
    }
    own.set(number, (protocols ?? new Set()).add(port.protocol ?? 'TCP'));
  }

  /** TCP and UDP on one service port share a node port where they can. */
  #anyPort(port: ServicePort, own: Map<number, Set<string>>): void {
    const protocol = port.protocol ?? 'TCP';
    const twin = (this.#service.spec?.ports ?? []).find(
      (one) =>
        one !== port &&
        one.port === port.port &&
        one.nodePort &&
        !own.get(one.nodePort)?.has(protocol),
    );
    const number = twin?.nodePort ?? this.#allocators.ports.next();
    if (number === undefined)
      throw new ApiError(
        'InternalError',
        'Internal error occurred: failed to allocate a nodePort: range is full',
      );
    if (!twin) this.#undo.push(() => this.#allocators.ports.free(number));
    port.nodePort = number;
    own.set(number, (own.get(number) ?? new Set()).add(protocol));
  }

  #healthPort(spec: ServiceSpec, held: Set<number>): void {
    if (spec.healthCheckNodePort && held.has(spec.healthCheckNodePort)) return;
    if (spec.healthCheckNodePort) {
      const why = this.#allocators.ports.take(spec.healthCheckNodePort);
      if (why)
        throw new ApiError(
          'InternalError',
          'Internal error occurred: failed to allocate requested HealthCheck NodePort ' +
            `${spec.healthCheckNodePort}: ${why}`,
        );
    } else spec.healthCheckNodePort = this.#allocators.ports.next();
    const port = spec.healthCheckNodePort ?? 0;
    this.#undo.push(() => this.#allocators.ports.free(port));
  }

  #refuse(errors: FieldError[]): never {
    throw invalid(kind, this.#service.metadata.name || this.#call.name, errors);
  }
}

const nameOfFamily = (family: Family): 'IPv4' | 'IPv6' => `IPv${family}`;

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A Service that prefers two families keeps what it got, until somebody says otherwise. */
const followsAsBefore = (spec: ServiceSpec, before: ServiceSpec): boolean =>
  spec.ipFamilyPolicy === 'PreferDualStack' &&
  before.ipFamilyPolicy === 'PreferDualStack' &&
  needsIp(before) &&
  equal(spec.clusterIPs, before.clusterIPs) &&
  equal(spec.ipFamilies, before.ipFamilies);

/** A Service that goes back to one family need not drop its second address and family itself. */
function trim(spec: ServiceSpec, before: ServiceSpec): void {
  if (before.ipFamilyPolicy === 'SingleStack') return;
  if (equal(spec.clusterIPs, before.clusterIPs)) spec.clusterIPs = spec.clusterIPs?.slice(0, 1);
  if (equal(spec.ipFamilies, before.ipFamilies)) spec.ipFamilies = spec.ipFamilies?.slice(0, 1);
}

export function portsOf(spec: ServiceSpec | undefined): Set<number> {
  const ports = new Set((spec?.ports ?? []).map((port) => port.nodePort ?? 0));
  if (spec?.healthCheckNodePort) ports.add(spec.healthCheckNodePort);
  ports.delete(0);
  return ports;
}

/** Frees what `before` held and `now` does not. */
function release(allocators: Allocators, before: ServiceSpec, now: ServiceSpec | undefined): void {
  const keptIps = ipsOf(now);
  for (const ip of ipsOf(before)) if (!keptIps.includes(ip)) allocators.ips.free(ip);
  const keptPorts = portsOf(now);
  for (const port of portsOf(before)) if (!keptPorts.has(port)) allocators.ports.free(port);
}
