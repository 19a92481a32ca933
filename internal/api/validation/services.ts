import { parseIp } from '../../base/addresses.ts';
import type {
  LoadBalancerIngress,
  Service,
  ServicePort,
  ServiceSpec,
} from '../generated/types/core-v1.ts';
import { semanticEqual } from '../loose.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName, validPortNumber } from '../names.ts';
import { checkCidr, checkIp, isIpv6 } from './addresses.ts';
import { checkPort } from './container-probes.ts';
import { protocols } from './containers.ts';
import { checkEndpointIp } from './endpoints.ts';
import { checkLabels, checkMetadataUpdate } from './metadata.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';
import { shown } from './shapes.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const families = ['IPv4', 'IPv6'];
const maxAffinitySeconds = 86400;
const topologyMode = 'service.kubernetes.io/topology-mode';
const topologyHints = 'service.kubernetes.io/topology-aware-hints';

const specOf = (service: Service): ServiceSpec => service.spec ?? {};
const isHeadless = (spec: ServiceSpec): boolean =>
  spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';
const needsHealthCheck = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
const isExternal = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' ||
  spec.type === 'NodePort' ||
  (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);

function checkService(problems: Problems, service: Service, old: Service | undefined): void {
  const spec = specOf(service);
  const annotations = service.metadata?.annotations ?? {};
  const [mode, hints] = [annotations[topologyMode], annotations[topologyHints]];
  if (mode !== undefined && hints !== undefined && mode !== hints)
    problems.invalid(
      `metadata.annotations[${topologyMode}]`,
      mode,
      `must match annotations[${topologyHints}] when both are specified`,
    );
  if (!spec.ports?.length && !isHeadless(spec) && spec.type !== 'ExternalName')
    problems.required('spec.ports');
  checkType(problems, spec);
  const names = new Set<string>();
  (spec.ports ?? []).forEach((port, i) =>
    checkServicePort(problems, port, (spec.ports ?? []).length > 1, names, `spec.ports[${i}]`),
  );
  if (spec.selector) checkLabels(problems, spec.selector, 'spec.selector');
  checkAffinity(problems, spec);
  checkClusterIps(problems, spec, old ? specOf(old) : undefined);
  (spec.externalIPs ?? []).forEach((ip, i) => {
    const before = problems.list.length;
    checkIp(problems, `spec.externalIPs[${i}]`, ip, old?.spec?.externalIPs);
    if (problems.list.length === before) checkEndpointIp(problems, ip, `spec.externalIPs[${i}]`);
  });
  problems.oneOf('spec.type', spec.type, types);
  checkPortNumbers(problems, spec);
  checkBalancer(problems, service, old);
  checkTraffic(problems, spec);
}

function checkType(problems: Problems, spec: ServiceSpec): void {
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(spec)) {
    problems.invalid(
      'spec.clusterIPs[0]',
      'None',
      `may not be set to 'None' for ${spec.type} services`,
    );
  }
  if (spec.type !== 'ExternalName') return;
  const say = 'may not be set for ExternalName services';
  if (spec.clusterIPs?.length) problems.forbidden('spec.clusterIPs', say);
  if (spec.ipFamilies?.length) problems.forbidden('spec.ipFamilies', say);
  if (spec.ipFamilyPolicy !== undefined) problems.forbidden('spec.ipFamilyPolicy', say);
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name) problems.check('spec.externalName', name, dns1123Subdomain);
  else problems.required('spec.externalName');
}

function checkServicePort(
  problems: Problems,
  port: ServicePort,
  named: boolean,
  names: Set<string>,
  path: string,
): void {
  if (named && !port.name) problems.required(`${path}.name`);
  else if (port.name) {
    problems.check(`${path}.name`, port.name, dns1123Label);
    if (names.has(port.name)) problems.duplicate(`${path}.name`, port.name);
    names.add(port.name);
  }
  for (const m of validPortNumber(port.port)) problems.invalid(`${path}.port`, port.port, m);
  problems.oneOf(`${path}.protocol`, port.protocol, protocols);
  checkPort(problems, port.targetPort, `${path}.targetPort`);
  if (port.appProtocol !== undefined)
    problems.check(`${path}.appProtocol`, port.appProtocol, qualifiedName);
}

function checkAffinity(problems: Problems, spec: ServiceSpec): void {
  problems.oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']);
  const path = 'spec.sessionAffinityConfig';
  if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig)
    problems.forbidden(path, 'must not be set when session affinity is None');
  if (spec.sessionAffinity !== 'ClientIP') return;
  const config = spec.sessionAffinityConfig;
  if (!config) return problems.required(path, 'when session affinity type is ClientIP');
  if (!config.clientIP)
    return problems.required(`${path}.clientIP`, 'when session affinity type is ClientIP');
  const seconds = config.clientIP.timeoutSeconds;
  if (seconds === undefined)
    problems.required(`${path}.clientIP.timeoutSeconds`, 'when session affinity type is ClientIP');
  else if (seconds <= 0 || seconds > maxAffinitySeconds)
    problems.invalid(
      `${path}.clientIP.timeoutSeconds`,
      seconds,
      `must be greater than 0 and less than ${maxAffinitySeconds}`,
    );
}

function checkClusterIps(
  problems: Problems,
  spec: ServiceSpec,
  old: ServiceSpec | undefined,
): void {
  if (spec.type === 'ExternalName') return;
  const path = 'spec.clusterIPs';
  const ips = spec.clusterIPs ?? [];
  if (spec.clusterIP) {
    if (ips.length === 0) problems.required(path);
    else if (ips[0] !== spec.clusterIP)
      problems.invalid(path, ips, 'first value must match `clusterIP`');
  } else if (ips.length > 0)
    problems.invalid(path, ips, 'must be empty when `clusterIP` is not specified');
  checkFamilies(problems, spec);
  let broken = false;
  ips.forEach((ip, i) => {
    if (i === 0 && ip === 'None') {
      if (ips.length > 1) {
        broken = true;
        problems.invalid(path, ips, "'None' must be the first and only value");
      }
      return;
    }
    const before = problems.list.length;
    checkIp(problems, `${path}[${i}]`, ip, old?.clusterIPs);
    broken ||= problems.list.length > before;
  });
  if (ips.length > 2) problems.invalid(path, ips, 'may only hold up to 2 values');
  if (broken) return;
  if (ips.length > 1 && !(ips.length === 2 && isIpv6(ips[0] ?? '') !== isIpv6(ips[1] ?? '')))
    problems.invalid(path, ips, 'may specify no more than one IP for each IP family');
  if (isHeadless(spec)) return;
  ips.forEach((ip, i) => {
    const family = spec.ipFamilies?.[i];
    if (family && (family === 'IPv6') !== isIpv6(ip))
      problems.invalid(
        `${path}[${i}]`,
        ip,
        `expected an ${family} value as indicated by \`ipFamilies[${i}]\``,
      );
  });
}

function checkFamilies(problems: Problems, spec: ServiceSpec): void {
  const seen = new Set<string>();
  (spec.ipFamilies ?? []).forEach((family, i) => {
    if (!families.includes(family))
      problems.notSupported(`spec.ipFamilies[${i}]`, family, families);
    if (seen.has(family)) problems.duplicate(`spec.ipFamilies[${i}]`, family);
    seen.add(family);
  });
  if (spec.ipFamilyPolicy !== undefined && !familyPolicies.includes(spec.ipFamilyPolicy))
    problems.notSupported('spec.ipFamilyPolicy', spec.ipFamilyPolicy, familyPolicies);
}

function checkPortNumbers(problems: Problems, spec: ServiceSpec): void {
  const ports = spec.ports ?? [];
  const [nodePorts, own] = [new Set<string>(), new Set<string>()];
  if (spec.type === 'ClusterIP') {
    ports.forEach((port, i) => {
      if (port.nodePort)
        problems.forbidden(
          `spec.ports[${i}].nodePort`,
          "may not be used when `type` is 'ClusterIP'",
        );
    });
  }
  ports.forEach(({ nodePort, protocol }, i) => {
    if (!nodePort) return;
    if (nodePorts.has(`${protocol}/${nodePort}`))
      problems.duplicate(`spec.ports[${i}].nodePort`, nodePort);
    nodePorts.add(`${protocol}/${nodePort}`);
  });
  ports.forEach(({ port, protocol }, i) => {
    if (own.has(`${protocol}/${port}`))
      problems.duplicate(`spec.ports[${i}]`, shown('ServicePort', { protocol, port }));
    own.add(`${protocol}/${port}`);
  });
}

const sourceRanges = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const onlyBalanced = "may only be used when `type` is 'LoadBalancer'";

function checkBalancer(problems: Problems, service: Service, old: Service | undefined): void {
  const spec = specOf(service);
  const balanced = spec.type === 'LoadBalancer';
  const annotation = service.metadata?.annotations?.[sourceRanges];
  if (spec.loadBalancerSourceRanges?.length) {
    if (!balanced) problems.forbidden('spec.LoadBalancerSourceRanges', onlyBalanced);
    const before = (old?.spec?.loadBalancerSourceRanges ?? []).map((r) => r.trim());
    spec.loadBalancerSourceRanges.forEach((range, i) =>
      checkCidr(problems, `spec.LoadBalancerSourceRanges[${i}]`, range.trim(), before),
    );
  } else if (annotation !== undefined) {
    const path = `metadata.annotations[${sourceRanges}]`;
    if (!balanced) problems.forbidden(path, onlyBalanced);
    if (annotation.trim() && old?.metadata?.annotations?.[sourceRanges] !== annotation)
      for (const range of annotation.split(',')) checkCidr(problems, path, range.trim());
  }
  if (spec.allocateLoadBalancerNodePorts !== undefined && !balanced)
    problems.forbidden('spec.allocateLoadBalancerNodePorts', onlyBalanced);
  if (balanced && spec.allocateLoadBalancerNodePorts === undefined)
    problems.required('allocateLoadBalancerNodePorts');
  checkClass(problems, spec);
}

function checkClass(problems: Problems, spec: ServiceSpec): void {
  if (spec.loadBalancerClass === undefined) return;
  if (spec.type === 'LoadBalancer')
    problems.check('spec.loadBalancerClass', spec.loadBalancerClass, qualifiedName);
  else problems.forbidden('spec.loadBalancerClass', onlyBalanced);
}

function checkTraffic(problems: Problems, spec: ServiceSpec): void {
  const {
    externalTrafficPolicy: external,
    healthCheckNodePort: health,
    internalTrafficPolicy: internal,
    trafficDistribution,
  } = spec;
  if (!isExternal(spec)) {
    if (external)
      problems.invalid(
        'spec.externalTrafficPolicy',
        external,
        'may only be set for externally-accessible services',
      );
  } else problems.oneOf('spec.externalTrafficPolicy', external, ['Cluster', 'Local']);
  if (!needsHealthCheck(spec)) {
    if (health)
      problems.invalid(
        'spec.healthCheckNodePort',
        health,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      );
  } else if (!health) problems.required('spec.healthCheckNodePort');
  else
    for (const m of validPortNumber(health))
      problems.invalid('spec.healthCheckNodePort', health, m);
  if (internal === undefined) {
    if (spec.type !== 'ExternalName' && types.includes(spec.type ?? ''))
      problems.required('spec.internalTrafficPolicy');
  } else if (!['Cluster', 'Local'].includes(internal))
    problems.notSupported('spec.internalTrafficPolicy', internal, ['Cluster', 'Local']);
  const ways = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  if (trafficDistribution !== undefined && !ways.includes(trafficDistribution))
    problems.notSupported('spec.trafficDistribution', trafficDistribution, ways);
}

/** The first address of a service is its identity; a second may come and go. */
function checkAddressChange(
  problems: Problems,
  spec: ServiceSpec,
  was: ServiceSpec,
  field: 'clusterIPs' | 'ipFamilies',
): void {
  const [now, before] = [spec[field] ?? [], was[field] ?? []];
  const path = `spec.${field}`;
  const what = field === 'clusterIPs' ? 'clusterIP' : 'ipFamily';
  if (before.length === now.length) {
    before.forEach((value, i) => {
      if (value !== now[i])
        problems.invalid(
          `${path}[${field === 'clusterIPs' ? i : 0}]`,
          now,
          'may not change once set',
        );
    });
    return;
  }
  if (before.length > now.length && (spec.clusterIPs ?? []).length === 0)
    problems.invalid(`${path}[0]`, now, `primary ${what} can not be unset`);
  if (before.length > 0 && now.length > 0 && now[0] !== before[0])
    problems.invalid(`${path}[0]`, spec.clusterIPs, 'may not change once set');
  if (before.length > now.length && now.length === 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    problems.invalid(
      'spec.ipFamilyPolicy',
      spec.ipFamilyPolicy,
      `must be set to 'SingleStack' when releasing the secondary ${what}`,
    );
  }
}

function updateService(problems: Problems, service: Service, old: Service): void {
  checkMetadataUpdate(problems, service.metadata ?? {}, old.metadata ?? {});
  const [spec, was] = [specOf(service), specOf(old)];
  if (spec.type !== 'ExternalName' && was.type !== 'ExternalName') {
    if (!(isHeadless(spec) && isHeadless(was)))
      checkAddressChange(problems, spec, was, 'clusterIPs');
    if (!isHeadless(spec) && !isHeadless(was))
      checkAddressChange(problems, spec, was, 'ipFamilies');
  }
  if (
    spec.type === 'LoadBalancer' &&
    was.type === 'LoadBalancer' &&
    !semanticEqual(spec.loadBalancerClass, was.loadBalancerClass)
  ) {
    problems.invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set');
  }
  checkClass(problems, spec);
  if (
    needsHealthCheck(spec) &&
    needsHealthCheck(was) &&
    spec.healthCheckNodePort !== was.healthCheckNodePort
  )
    problems.forbidden('spec.healthCheckNodePort', 'field is immutable');
  checkService(problems, service, old);
}

export function checkIngressPoints(
  problems: Problems,
  points: readonly LoadBalancerIngress[],
  old: readonly LoadBalancerIngress[],
  path: string,
  modes: boolean,
): void {
  points.forEach((point, i) => {
    const at = `${path}[${i}]`;
    if (point.ip)
      checkIp(
        problems,
        `${at}.ip`,
        point.ip,
        old.flatMap((p) => (p.ip ? [p.ip] : [])),
      );
    if (modes) {
      if (point.ipMode === undefined) {
        if (point.ip) problems.required(`${at}.ipMode`, 'must be specified when `ip` is set');
      } else if (!point.ip)
        problems.forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set');
      else if (!['Proxy', 'VIP'].includes(point.ipMode))
        problems.notSupported(`${at}.ipMode`, point.ipMode, ['Proxy', 'VIP']);
    }
    if (!point.hostname) return;
    problems.check(`${at}.hostname`, point.hostname, dns1123Subdomain);
    if (parseIp(point.hostname))
      problems.invalid(`${at}.hostname`, point.hostname, 'must be a DNS name, not an IP address');
  });
}

export const service: Rule<Service> = {
  name: dns1123Label,
  spec: (problems, object) => checkService(problems, object, undefined),
  update: updateService,
  subresources: {
    status(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      const ingress = object.status?.loadBalancer?.ingress ?? [];
      if (specOf(object).type !== 'LoadBalancer' && ingress.length > 0)
        problems.forbidden(
          'status.loadBalancer.ingress',
          "may only be used when `spec.type` is 'LoadBalancer'",
        );
      else
        checkIngressPoints(
          problems,
          ingress,
          old.status?.loadBalancer?.ingress ?? [],
          'status.loadBalancer.ingress',
          true,
        );
    },
  },
};
