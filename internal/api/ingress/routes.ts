import { isUnicast, parseIpv4, parsePort, type Ipv4, type Port } from '../../base/addresses.ts';
import { own } from '../../base/own.ts';
import type { Service } from '../generated/types/core-v1.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
} from '../generated/types/networking-v1.ts';

/** What IngressClasses of ours name as their controller. */
export const ingressController = 'skiff/ingress';
/** How this is said on an Ingress, or (as in old manifests) by a class of old. */
const classAnnotation = 'kubernetes.io/ingress.class';
const redirectAnnotation = 'ingress.skiff/redirect-https';

/** Where requests go. The names of hosts are lower case, `*.` for one label, '' for any. */
export interface Route {
  host: string;
  path: string;
  /** The whole path, or whole elements at its beginning. */
  exact: boolean;
  /** Undefined: answered with 503, because what the Ingress names is not there. */
  target: { ip: Ipv4; port: Port; protocol: 'h1' | 'h2c' } | undefined;
  /** Whoever comes without TLS is sent to https. */
  redirect: boolean;
}

/** A certificate and the names that clients ask for it by; none: those in the certificate. */
export interface Certificate {
  namespace: string;
  secret: string;
  hosts: string[];
}

export interface Routes {
  routes: Route[];
  certificates: Certificate[];
  /** What cannot be carried out of an Ingress (by `namespace/name`), in words. */
  complaints: Map<string, string[]>;
}

export interface RouteView {
  ingresses: Iterable<Ingress>;
  classes: Iterable<IngressClass>;
  service(namespace: string, name: string): Service | undefined;
}

const keyOf = ({ metadata }: Ingress): string => `${metadata.namespace}/${metadata.name}`;
const ageOf = (ingress: Ingress): string =>
  `${ingress.metadata.creationTimestamp ?? ''} ${keyOf(ingress)}`;

/** The Ingresses that are ours to carry out, the oldest first. */
export function ourIngresses({ ingresses, classes }: Omit<RouteView, 'service'>): Ingress[] {
  const ours = new Set(
    [...classes].filter((c) => c.spec.controller === ingressController).map((c) => c.metadata.name),
  );
  return [...ingresses]
    .filter(({ metadata, spec }) => {
      const name = spec.ingressClassName ?? own(metadata.annotations, classAnnotation);
      return name !== undefined && ours.has(name);
    })
    .sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1));
}

/** Of two Ingresses that claim the same host and path the older has it. */
export function routesOf(view: RouteView): Routes {
  const found: Routes = { routes: [], certificates: [], complaints: new Map() };
  const taken = new Map<string, string>();
  const fallbacks: { ingress: Ingress; backend: IngressBackend }[] = [];
  for (const ingress of ourIngresses(view)) {
    const complaints: string[] = [];
    const claim = (host: string, path: HTTPIngressPath): void => {
      const route = routeOf(view, ingress, host, path, complaints);
      const claimed = route && `${route.exact ? 'exact' : 'prefix'} ${route.host}${route.path}`;
      const owner = claimed === undefined ? undefined : taken.get(claimed);
      if (owner !== undefined && owner !== keyOf(ingress))
        complaints.push(`${host || 'any host'}${route?.path} belongs to Ingress ${owner}`);
      else if (route && claimed !== undefined && owner === undefined) {
        taken.set(claimed, keyOf(ingress));
        found.routes.push(route);
      }
    };
    const { rules = [], tls = [], defaultBackend } = ingress.spec;
    for (const { host = '', http } of rules) {
      if (http) for (const path of http.paths ?? []) claim(host.toLowerCase(), path);
      else if (defaultBackend) claim(host.toLowerCase(), everything(defaultBackend));
    }
    if (defaultBackend) fallbacks.push({ ingress, backend: defaultBackend });
    for (const { secretName, hosts = [] } of tls) {
      const namespace = ingress.metadata.namespace ?? '';
      if (secretName)
        found.certificates.push({ namespace, secret: secretName, hosts: names(hosts) });
    }
    if (complaints.length > 0) found.complaints.set(keyOf(ingress), complaints);
  }
  fallback(view, found, taken, fallbacks);
  return found;
}

const everything = (backend: IngressBackend): HTTPIngressPath => ({
  path: '/',
  pathType: 'Prefix',
  backend,
});

/** What no rule routes goes to the oldest default backend. */
function fallback(
  view: RouteView,
  found: Routes,
  taken: Map<string, string>,
  fallbacks: { ingress: Ingress; backend: IngressBackend }[],
): void {
  for (const { ingress, backend } of fallbacks) {
    if (taken.has('prefix /')) return;
    const complaints = found.complaints.get(keyOf(ingress)) ?? [];
    const route = routeOf(view, ingress, '', everything(backend), complaints);
    if (complaints.length > 0) found.complaints.set(keyOf(ingress), complaints);
    if (!route) continue;
    taken.set('prefix /', keyOf(ingress));
    found.routes.push(route);
  }
}

const hostName = /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
/** A path as it stands in a request (RFC 3986): nothing that a line or a map could end at. */
const pathText = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*$/;
const longestPath = 1024;

const names = (hosts: string[]): string[] =>
  hosts.map((host) => host.toLowerCase()).filter((host) => hostName.test(host));

function routeOf(
  view: RouteView,
  ingress: Ingress,
  host: string,
  { path = '/', pathType, backend }: HTTPIngressPath,
  complaints: string[],
): Route | undefined {
  const text = path === '' ? '/' : path;
  if (host !== '' && !hostName.test(host)) complaints.push(`host ${shown(host)} is not a name`);
  else if (!pathText.test(text) || text.length > longestPath)
    complaints.push(`path ${shown(text)} cannot be part of a request`);
  else {
    const { metadata } = ingress;
    const target = targetOf(view, metadata.namespace ?? '', backend, complaints);
    const redirect = own(metadata.annotations, redirectAnnotation) === 'true';
    return { host, path: text, exact: pathType === 'Exact', target, redirect };
  }
  return undefined;
}

const shown = (text: string): string => JSON.stringify(text).slice(0, 80);

function targetOf(
  { service: find }: RouteView,
  namespace: string,
  backend: IngressBackend,
  complaints: string[],
): Route['target'] {
  const no = (why: string): undefined => void complaints.push(why);
  if (backend.resource) return no(`a resource backend (${backend.resource.kind}) is not served`);
  const { name = '', port: asked } = backend.service ?? {};
  const service = find(namespace, name);
  if (!service) return no(`Service ${name} is not there`);
  const port = (service.spec.ports ?? []).find((p) =>
    asked?.name ? p.name === asked.name : p.port === asked?.number,
  );
  if (!port) return no(`Service ${name} has no port ${asked?.name ?? asked?.number ?? ''}`);
  if ((port.protocol ?? 'TCP') !== 'TCP') return no(`port ${port.port} of ${name} is not of TCP`);
  const ip = parseIpv4(service.spec.clusterIP);
  const number = parsePort(port.port);
  if (!ip || !number || !isUnicast(ip)) return no(`Service ${name} has no IPv4 cluster address`);
  const protocol = port.appProtocol === 'kubernetes.io/h2c' ? 'h2c' : 'h1';
  return { ip, port: number, protocol };
}
