import { joinHostPort } from '../../base/addresses.ts';
import type { Service } from '../../api/generated/types/core-v1.ts';

/** The variables that tell a pod where the Services are, as Docker links once did. */
export function serviceLinks(
  services: Iterable<Service>,
  options: { namespace: string; enabled: boolean },
): Map<string, string> {
  const chosen = new Map<string, Service>();
  for (const service of services) {
    const name = service.metadata.name ?? '';
    const { clusterIP } = service.spec;
    if (!clusterIP || clusterIP === 'None') continue;
    // The way to the API server is told to every pod, even to one that wants no links.
    if (service.metadata.namespace === 'default' && name === 'kubernetes') {
      if (!chosen.has(name)) chosen.set(name, service);
    } else if (service.metadata.namespace === options.namespace && options.enabled) {
      chosen.set(name, service);
    }
  }
  const variables = new Map<string, string>();
  for (const service of chosen.values()) addService(service, variables);
  return variables;
}

function addService(service: Service, into: Map<string, string>): void {
  const address = service.spec.clusterIP ?? '';
  const prefix = variableName(service.metadata.name ?? '');
  const ports = service.spec.ports ?? [];
  const first = ports[0];
  into.set(`${prefix}_SERVICE_HOST`, address);
  if (!first) return;
  into.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const port of ports) {
    if (port.name) into.set(`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
  }
  ports.forEach((port, index) => {
    const protocol = (port.protocol || 'TCP').toLowerCase();
    const url = `${protocol}://${joinHostPort(address, port.port)}`;
    if (index === 0) into.set(`${prefix}_PORT`, url);
    const portPrefix = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    into.set(portPrefix, url);
    into.set(`${portPrefix}_PROTO`, protocol);
    into.set(`${portPrefix}_PORT`, String(port.port));
    into.set(`${portPrefix}_ADDR`, address);
  });
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
