import { selectorFromObject } from '../selectors.ts';
import { no, yes, type Said } from './conditions.ts';
import { mayRefer } from './grants.ts';
import { isHostname } from './hostnames.ts';
import {
  gatewayGroup,
  type Gateway,
  type Listener,
  type Reference,
  type ReferenceGrant,
} from './types.ts';

/**
 * How the port of a listener is spoken to. `https` is TLS: who asks for which name decides whether
 * it is ended here, and whether requests or bytes are within.
 */
export type Transport = 'http' | 'https' | 'tcp';

export interface ListenerView {
  grants: readonly ReferenceGrant[];
  /** Ports that this cluster has for itself, besides those that every one has. */
  reservedPorts: readonly number[];
  /** What is wrong with the certificate in a Secret, in words. */
  certificate(namespace: string, name: string): string | undefined;
}

/** A listener of a Gateway of ours, and what is to be said of it. */
export interface FoundListener {
  gateway: Gateway;
  listener: Listener;
  transport: Transport | undefined;
  /** '' for any. */
  hostname: string;
  kinds: { group: string; kind: string }[];
  /** The Secrets of its certificates that may be used. */
  secrets: { namespace: string; name: string }[];
  conditions: Said[];
  /** Whether requests are taken by it. */
  serves: boolean;
}

interface Protocol {
  transport: Transport;
  routeKinds: string[];
}
const protocols = new Map<string, Protocol>([
  ['HTTP', { transport: 'http', routeKinds: ['HTTPRoute', 'GRPCRoute'] }],
  ['HTTPS', { transport: 'https', routeKinds: ['HTTPRoute', 'GRPCRoute'] }],
  ['TLS', { transport: 'https', routeKinds: ['TLSRoute'] }],
  ['TCP', { transport: 'tcp', routeKinds: ['TCPRoute'] }],
]);

/** TLS that goes to a backend as it comes. */
export const passesThrough = ({ protocol, tls }: Listener): boolean =>
  protocol === 'TLS' && tls?.mode === 'Passthrough';
/** Whether certificates are shown at it. */
const endsTls = (listener: Listener): boolean =>
  protocols.get(listener.protocol)?.transport === 'https' && !passesThrough(listener);

/** The ports that Ingresses are served at. */
const sharedPorts = new Map<number, Transport>([
  [80, 'http'],
  [443, 'https'],
]);
/** Of the node itself and of what a cluster is made of: nobody gets them by an object. */
const alwaysReserved = new Set([22, 53, 2379, 2380, 6443, 6444, 10_250, 10_256, 10_257, 10_259]);
/** Each port that Ingresses do not have is a process on every node. */
const mostPorts = 16;

export const gatewayKey = ({ metadata }: Gateway): string =>
  `${metadata.namespace}/${metadata.name}`;

/**
 * The listeners of all our Gateways; these share the addresses of the nodes. Of two that want a
 * port for different protocols the older Gateway has it.
 */
export function listenersOf(gateways: readonly Gateway[], view: ListenerView): FoundListener[] {
  const taken = new Map<number, Transport>(sharedPorts);
  const found: FoundListener[] = [];
  for (const gateway of gateways) {
    const own = gateway.spec.listeners.map((listener) => foundListener(gateway, listener, view));
    for (const one of own) {
      const accepted = acceptance(one, own, { taken, reserved: view.reservedPorts });
      const conflict = accepted.reason.endsWith('Conflict');
      const [resolved] = one.conditions;
      const isProgrammed = accepted.status === 'True' && resolved?.status === 'True';
      one.conditions.push(
        accepted,
        conflict
          ? yes('Conflicted', accepted.reason, accepted.message)
          : no('Conflicted', 'NoConflicts'),
        isProgrammed ? yes('Programmed') : no('Programmed', 'Invalid', 'see the other conditions'),
      );
      one.serves = accepted.status === 'True';
      if (one.serves && one.transport) taken.set(one.listener.port, one.transport);
    }
    found.push(...own);
  }
  return found;
}

function foundListener(gateway: Gateway, listener: Listener, view: ListenerView): FoundListener {
  const { transport, routeKinds = [] } = protocols.get(listener.protocol) ?? {};
  const { kinds, wrong } = kindsOf(listener, routeKinds);
  const secrets: FoundListener['secrets'] = [];
  const resolved = wrong ?? (endsTls(listener) && secretsOf(gateway, listener, view, secrets));
  // Who only sends bytes asks for no name.
  const hostname = transport === 'tcp' ? '' : (listener.hostname?.toLowerCase() ?? '');
  const conditions = [resolved || yes('ResolvedRefs')];
  return { gateway, listener, transport, hostname, kinds, secrets, conditions, serves: false };
}

function kindsOf({ allowedRoutes }: Listener, routeKinds: readonly string[]) {
  const all = routeKinds.map((kind) => ({ group: gatewayGroup, kind }));
  const asked = allowedRoutes?.kinds ?? [];
  if (asked.length === 0) return { kinds: all };
  const isKnown = (one: { group?: string; kind: string }): boolean =>
    all.some((known) => known.kind === one.kind && known.group === (one.group ?? gatewayGroup));
  const odd = asked.find((one) => !isKnown(one));
  const kinds = all.filter(({ kind }) => asked.some((one) => one.kind === kind && isKnown(one)));
  const wrong = odd && no('ResolvedRefs', 'InvalidRouteKinds', `${odd.kind} is not served here`);
  return { kinds, wrong };
}

/**
 * Fills `secrets` with those that can be used, and says what is wrong with the first that cannot.
 */
function secretsOf(
  gateway: Gateway,
  { tls }: Listener,
  view: ListenerView,
  secrets: FoundListener['secrets'],
): Said | undefined {
  const namespace = gateway.metadata.namespace ?? '';
  const from = { group: gatewayGroup, kind: 'Gateway', namespace };
  let wrong: Said | undefined;
  for (const ref of tls?.certificateRefs ?? []) {
    const to = secretOf(ref, namespace);
    const named = `${to.namespace}/${ref.name}`;
    const bad = (reason: string, why: string): void =>
      void (wrong ??= no('ResolvedRefs', reason, why));
    if (to.group !== '' || to.kind !== 'Secret')
      bad('InvalidCertificateRef', `${to.kind} ${named} is not a Secret`);
    else if (!mayRefer(view.grants, from, to))
      bad('RefNotPermitted', `no ReferenceGrant lets Secret ${named} be used`);
    else {
      const why = view.certificate(to.namespace, ref.name);
      if (why === undefined) secrets.push({ namespace: to.namespace, name: ref.name });
      else bad('InvalidCertificateRef', `Secret ${named}: ${why}`);
    }
  }
  return secrets.length === 0
    ? (wrong ?? no('ResolvedRefs', 'InvalidCertificateRef', 'no certificate is named'))
    : wrong;
}

const secretOf = ({ group = '', kind = 'Secret', ...ref }: Reference, namespace: string) => ({
  group,
  kind,
  name: ref.name,
  namespace: ref.namespace ?? namespace,
});

/** The Secrets that Gateways name and may use: the nodes that serve them need these. */
export function gatewaySecrets(
  gateways: Iterable<Gateway>,
  grants: readonly ReferenceGrant[],
): string[] {
  const named: FoundListener['secrets'] = [];
  const view: ListenerView = { grants, reservedPorts: [], certificate: () => undefined };
  for (const gateway of gateways)
    for (const listener of gateway.spec.listeners)
      if (endsTls(listener)) secretsOf(gateway, listener, view, named);
  return named.map(({ namespace, name }) => `${namespace}/${name}`);
}

function acceptance(
  one: FoundListener,
  own: readonly FoundListener[],
  { taken, reserved }: { taken: ReadonlyMap<number, Transport>; reserved: readonly number[] },
): Said {
  const { listener, transport, hostname } = one;
  const { port, protocol, tls } = listener;
  if (!transport)
    return no('Accepted', 'UnsupportedProtocol', `protocol ${protocol} is not served`);
  if (tls?.mode === 'Passthrough' && protocol !== 'TLS')
    return no('Accepted', 'UnsupportedProtocol', 'only listeners of TLS pass it through');
  if (hostname !== '' && !isHostname(hostname))
    return no('Accepted', 'UnsupportedProtocol', 'the hostname is not a name');
  const others = own.filter((other) => other !== one && other.listener.port === port);
  if (others.some((other) => other.transport !== transport))
    return no('Accepted', 'ProtocolConflict', `port ${port} is wanted for another protocol, too`);
  if (others.some((other) => other.hostname === hostname))
    return no('Accepted', 'HostnameConflict', `port ${port} has the same hostname twice`);
  if (alwaysReserved.has(port) || reserved.includes(port))
    return no('Accepted', 'PortUnavailable', `port ${port} belongs to the node`);
  if (taken.has(port) && taken.get(port) !== transport)
    return no('Accepted', 'PortUnavailable', `port ${port} is served for another protocol`);
  // All that comes to it is one Gateway's: there is no name that would tell them apart.
  if (taken.has(port) && transport === 'tcp')
    return no('Accepted', 'PortUnavailable', `port ${port} is another Gateway's`);
  if (!taken.has(port) && taken.size >= mostPorts + sharedPorts.size)
    return no(
      'Accepted',
      'PortUnavailable',
      `Gateways have ${mostPorts} ports of their own already`,
    );
  return yes('Accepted');
}

/** Whether routes of a namespace may be attached. */
export function allowsNamespace(
  { gateway, listener }: FoundListener,
  namespace: string,
  labelsOf: (namespace: string) => Record<string, string> | undefined,
): boolean {
  const { from = 'Same', selector } = listener.allowedRoutes?.namespaces ?? {};
  if (from === 'All') return true;
  if (from === 'Same') return namespace === gateway.metadata.namespace;
  if (from !== 'Selector') return false;
  const labels = labelsOf(namespace);
  try {
    return labels !== undefined && selectorFromObject(selector).matches(labels);
  } catch {
    // An unknown operator selects nothing.
    return false;
  }
}
