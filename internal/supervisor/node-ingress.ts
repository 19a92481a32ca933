import { join } from 'node:path';
import type { ConfigMap, Node, Secret, Service } from '../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import type { Ingress, IngressClass } from '../api/generated/types/networking-v1.ts';
import type { Mirrors } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import type { Troubles } from '../client/troubles.ts';
import { endAllHaproxies } from '../network/ingress/haproxy.ts';
import { startIngress } from '../network/ingress/ingress.ts';
import { networkIndexes } from '../network/network.ts';
import type { NodeConfig } from './config.ts';
import type { Doors } from './doors.ts';
import type { NodeFacts } from './node-facts.ts';
import type { ClusterNetwork } from './node-network.ts';
import type { Part } from './running.ts';

/** The ConfigMap in kube-system that says which proxies may name the original client. */
export const ingressSettingsName = 'skiff-ingress';

/** k3s' word for its packaged ingress, and a plain one. */
export const ingressDisabled = (disable: readonly string[]): boolean =>
  disable.includes('traefik') || disable.includes('ingress');

export const ingressDir = (runDir: string): string => join(runDir, 'ingress');

/** Ingresses on this node. HAProxy stays when the service stops, as containers do. */
export async function startNodeIngress(options: {
  config: NodeConfig;
  cluster: ClusterNetwork;
  facts: NodeFacts;
  mirrors: Mirrors;
  doors: Doors;
  troubles: Troubles;
}): Promise<Part> {
  const { config, cluster, facts, mirrors, doors, troubles } = options;
  const dir = ingressDir(config.runDir);
  if (ingressDisabled(cluster.disable ?? [])) {
    await endAllHaproxies({ ...doors, dir });
    return { name: 'ingress', stop: () => undefined };
  }
  const ingress = startIngress({
    ...doors,
    dir,
    httpPort: 80,
    httpsPort: 443,
    ipv6: cluster.clusterCidr.includes(':'),
    nodeName: facts.name,
    ingresses: mirrors.of<Ingress>(refs.ingresses),
    classes: mirrors.of<IngressClass>(refs.ingressClasses),
    services: mirrors.of<Service>(refs.services),
    nodes: mirrors.of<Node>(refs.nodes),
    slices: mirrors.of<EndpointSlice>(refs.endpointSlices, { indexes: networkIndexes.slices }),
    secret: (namespace, name) =>
      mirrors.of<Secret>(refs.secrets, { namespace, fieldSelector: `metadata.name=${name}` }),
    authority: (namespace, name) =>
      mirrors.of<ConfigMap>(refs.configMaps, { namespace, fieldSelector: `metadata.name=${name}` }),
    settings: mirrors.of<ConfigMap>(refs.configMaps, {
      namespace: 'kube-system',
      fieldSelector: `metadata.name=${ingressSettingsName}`,
    }),
    gateways: mirrors,
    reservedPorts: cluster.httpsListenPort === undefined ? [] : [cluster.httpsListenPort],
    portTrouble: (port, why) =>
      troubles.set('GatewayPortDown', `port ${port}`, why && `port ${port}: ${why}`),
    log: doors.log.named('ingress'),
    trouble: (why) => troubles.set('IngressDown', 'haproxy', why),
  });
  return { name: 'ingress', stop: () => ingress.stop() };
}
