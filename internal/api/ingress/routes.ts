import { own } from '../../base/own.ts';
import type { Service } from '../generated/types/core-v1.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
} from '../generated/types/networking-v1.ts';
import { policyOf, type Policy } from './annotations.ts';
import { portTarget, type Target } from './targets.ts';

/** What IngressClasses of ours name as their controller. */
export const ingressController = 'skiff/ingress';
/** How this is said on an Ingress, or (as in old manifests) by a class of old. */
const classAnnotation = 'kubernetes.io/ingress.class';

/** Where requests go. The names of hosts are lower case, `*.` for one label, '' for any. */
export interface Route {
  host: string;
  path: string;
  /** The whole path, or whole elements at its beginning. */
  exact: boolean;
  /** Undefined: answered with 503, because what the Ingress names is not there. */
  target: Target | undefined;
  /** The Ingress, `namespace/name`. */
  owner: string;
  policy: Policy;
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
  const fallbacks: Fallback[] = [];
  for (const ingress of ourIngresses(view)) {
    const complaints: string[] = [];
    const { closed, ...policy } = policyOf(ingress, complaints);
    const at = { view, ingress, policy, closed, complaints };
    const claim = (host: string, path: HTTPIngressPath): void => {
      const route = routeOf(at, host, path);
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
    if (defaultBackend) fallbacks.push({ at, backend: defaultBackend });
    for (const { secretName, hosts = [] } of tls) {
      const namespace = ingress.metadata.namespace ?? '';
      if (secretName)
        found.certificates.push({ namespace, secret: secretName, hosts: names(hosts) });
    }
    if (complaints.length > 0) found.complaints.set(keyOf(ingress), complaints);
  }
  fallback(found, taken, fallbacks);
  return found;
}

const everything = (backend: IngressBackend): HTTPIngressPath => ({
  path: '/',
  pathType: 'Prefix',
  backend,
});

/** What the routes of one Ingress have in common. */
interface At {
  view: RouteView;
  ingress: Ingress;
  policy: Policy;
  closed: boolean;
  complaints: string[];
}

interface Fallback {
  at: At;
  backend: IngressBackend;
}

/** What no rule routes goes to the oldest default backend. */
function fallback(found: Routes, taken: Map<string, string>, fallbacks: Fallback[]): void {
  for (const { at, backend } of fallbacks) {
    if (taken.has('prefix /')) return;
    const key = keyOf(at.ingress);
    const complaints = found.complaints.get(key) ?? [];
    const route = routeOf({ ...at, complaints }, '', everything(backend));
    if (complaints.length > 0) found.complaints.set(key, complaints);
    if (!route) continue;
    taken.set('prefix /', key);
    found.routes.push(route);
  }
}

const hostName = /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
/**
 * A path as a request has it (RFC 3986) once it is decoded: nothing that a line or a map could end
 * at.
 */
const pathText = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/]*$/;

/** Undefined where a path cannot be part of a request that is let through. */
export function decodedPath(path: string): string | undefined {
  try {
    const text = decodeURIComponent(path).replace(/\/\/+/g, '/');
    const walks = text.split('/').some((element) => element === '.' || element === '..');
    return pathText.test(text) && text.length <= longestPath && !walks ? text : undefined;
  } catch {
    return undefined;
  }
}
const longestPath = 1024;
/** Paths of more elements are not rewritten. */
export const longestRewritten = 12;
/** The elements of a path; a slash at its end makes none. */
export const elementsOf = (path: string): number => path.split('/').filter(Boolean).length;

const names = (hosts: string[]): string[] =>
  hosts.map((host) => host.toLowerCase()).filter((host) => hostName.test(host));

function routeOf(at: At, host: string, rule: HTTPIngressPath): Route | undefined {
  const { path = '/', pathType, backend } = rule;
  const { complaints, ingress, policy } = at;
  const text = decodedPath(path === '' ? '/' : path);
  if (host !== '' && !hostName.test(host)) complaints.push(`host ${shown(host)} is not a name`);
  else if (text === undefined) complaints.push(`path ${shown(path)} cannot be part of a request`);
  else if (policy.rewrite !== undefined && elementsOf(text) > longestRewritten)
    complaints.push(`path ${shown(text)} has too many elements to be rewritten`);
  else {
    const target = targetOf(at, backend);
    const owner = keyOf(ingress);
    return { host, path: text, exact: pathType === 'Exact', target, owner, policy };
  }
  return undefined;
}

const shown = (text: string): string => JSON.stringify(text).slice(0, 80);

/** A host that refuses every request needs no backend. */
function targetOf({ view, ingress, policy, closed, complaints }: At, backend: IngressBackend) {
  const target = serviceTarget(view, ingress, backend, { sticky: policy.sticky, complaints });
  return closed ? undefined : target;
}

function serviceTarget(
  { service: find }: RouteView,
  { metadata }: Ingress,
  backend: IngressBackend,
  { sticky, complaints }: { sticky: boolean; complaints: string[] },
): Target | undefined {
  const no = (why: string): undefined => void complaints.push(why);
  if (backend.resource) return no(`a resource backend (${backend.resource.kind}) is not served`);
  const { name = '', port: asked } = backend.service ?? {};
  const namespace = metadata.namespace ?? '';
  const service = find(namespace, name);
  if (!service) return no(`Service ${name} is not there`);
  const port = (service.spec.ports ?? []).find((p) =>
    asked?.name ? p.name === asked.name : p.port === asked?.number,
  );
  if (!port) return no(`Service ${name} has no port ${asked?.name ?? asked?.number ?? ''}`);
  const target = portTarget(service, port, { sticky });
  return typeof target === 'string' ? no(target) : target;
}
