import { isUnicast, parseIp, parsePort, type Ip, type Port } from '../../base/addresses.ts';
import type { Service, ServicePort } from '../generated/types/core-v1.ts';

/** How a backend is spoken to. */
export type Protocol = 'h1' | 'h2c' | 'https';

/** The endpoints of a port of a Service, when the proxy itself has to choose among them. */
export interface Pool {
  namespace: string;
  service: string;
  port: ServicePort;
}

/** A Service's address, behind which the kernel knows the endpoints, or the endpoints themselves. */
export type Target = { protocol: Protocol } & ({ ip: Ip; port: Port } | { pool: Pool });

const protocols = new Map<string | undefined, Protocol>([
  ['kubernetes.io/h2c', 'h2c'],
  ['https', 'https'],
  ['kubernetes.io/wss', 'https'],
]);

/** Where requests to a port of a Service go, or in words why nowhere. */
export function portTarget(
  service: Service,
  port: ServicePort,
  options: { sticky: boolean },
): Target | string {
  const { namespace = '', name = '' } = service.metadata;
  if ((port.protocol ?? 'TCP') !== 'TCP') return `port ${port.port} of ${name} is not of TCP`;
  if (service.spec.type === 'ExternalName') return `Service ${name} is only another's name`;
  const protocol = protocols.get(port.appProtocol) ?? 'h1';
  if (options.sticky || service.spec.clusterIP === 'None')
    return { pool: { namespace, service: name, port }, protocol };
  const ip = parseIp(service.spec.clusterIP);
  const number = parsePort(port.port);
  if (!ip || !number || !isUnicast(ip)) return `Service ${name} has no cluster address`;
  return { ip, port: number, protocol };
}
