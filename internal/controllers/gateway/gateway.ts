import { namedAuthorities } from '../../api/gateway/backend-tls.ts';
import { gatewaySecrets } from '../../api/gateway/listeners.ts';
import { ourGateways } from '../../api/gateway/plan.ts';
import {
  gatewayRefs,
  type BackendTlsPolicy,
  type Gateway,
  type GatewayClass,
  type GrpcRoute,
  type HttpRoute,
  type ReferenceGrant,
  type StreamRoute,
} from '../../api/gateway/types.ts';
import type {
  ConfigMap,
  Namespace,
  Node,
  Secret,
  Service,
} from '../../api/generated/types/core-v1.ts';
import { authoritiesOf, pemOf } from '../../api/ingress/pem.ts';
import { jsonEqual } from '../../api/patch/json.ts';
import { messageOf } from '../../base/errors.ts';
import { NamedSecrets } from '../../client/named-secrets.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { servingFacts } from '../node-addresses.ts';
import { planGatewayStatus, type GatewayControllerView } from './plan.ts';

/** The account; the supervisor gives it its rights. */
export const gatewayAccount = 'gateway-controller';
/** Gateways share ports, and routes share Gateways: one pass looks at all of them. */
const everything = 'all';
/** Secrets that cannot be read do not hold up the rest. */
const secretsMs = 3_000;

/** Says what is served of the Gateway API, and why what is not. HAProxy of the nodes serves. */
export function startGatewayController(ctx: ControllerContext): Controller {
  const { mirrors, clock } = ctx;
  const classes = mirrors.of<GatewayClass>(gatewayRefs.classes);
  const gateways = mirrors.of<Gateway>(gatewayRefs.gateways);
  const httpRoutes = mirrors.of<HttpRoute>(gatewayRefs.httpRoutes);
  const grpcRoutes = mirrors.of<GrpcRoute>(gatewayRefs.grpcRoutes);
  const grants = mirrors.of<ReferenceGrant>(gatewayRefs.grants);
  const tlsRoutes = mirrors.of<StreamRoute>(gatewayRefs.tlsRoutes);
  const tcpRoutes = mirrors.of<StreamRoute>(gatewayRefs.tcpRoutes);
  const policies = mirrors.of<BackendTlsPolicy>(gatewayRefs.backendTlsPolicies);
  const namespaces = mirrors.of<Namespace>(refs.namespaces);
  const nodes = mirrors.of<Node>(refs.nodes);
  const services = mirrors.of<Service>(refs.services);
  let again: () => void = () => undefined;
  const secrets = new NamedSecrets(
    (namespace, name) =>
      mirrors.of<Secret>(refs.secrets, { namespace, fieldSelector: `metadata.name=${name}` }),
    () => again(),
  );
  const authorities = new NamedSecrets<ConfigMap>(
    (namespace, name) =>
      mirrors.of<ConfigMap>(refs.configMaps, { namespace, fieldSelector: `metadata.name=${name}` }),
    () => again(),
  );
  const certificate = (namespace: string, name: string): string | undefined => {
    const secret = secrets.get(namespace, name);
    if (!secret) return 'it is not there';
    try {
      pemOf(secret);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  };
  const objects = () => ({
    classes: [...classes.list()],
    gateways: [...gateways.list()],
    httpRoutes: [...httpRoutes.list()],
    grpcRoutes: [...grpcRoutes.list()],
    grants: [...grants.list()],
    tlsRoutes: [...tlsRoutes.list()],
    tcpRoutes: [...tcpRoutes.list()],
    backendTlsPolicies: [...policies.list()],
  });
  return startPlanned<GatewayControllerView>(
    ctx,
    {
      name: gatewayAccount,
      title: 'gateway',
      mirrors: [
        { ref: gatewayRefs.classes, mirror: classes },
        { ref: gatewayRefs.gateways, mirror: gateways },
        { ref: gatewayRefs.httpRoutes, mirror: httpRoutes },
        { ref: gatewayRefs.grpcRoutes, mirror: grpcRoutes },
        { ref: gatewayRefs.grants, mirror: grants },
        { ref: gatewayRefs.tlsRoutes, mirror: tlsRoutes },
        { ref: gatewayRefs.tcpRoutes, mirror: tcpRoutes },
        { ref: gatewayRefs.backendTlsPolicies, mirror: policies },
        { ref: refs.namespaces, mirror: namespaces },
        { ref: refs.nodes, mirror: nodes },
        { ref: refs.services, mirror: services },
      ],
      view: async (_key, { nowMs }) => {
        const all = objects();
        const made = secrets.follow(new Set(gatewaySecrets(ourGateways(all), all.grants)));
        made.push(...authorities.follow(new Set(namedAuthorities(all.backendTlsPolicies))));
        if (made.length > 0)
          await Promise.race([Promise.all(made), clock.sleep('gateway.secrets', secretsMs)]);
        return {
          ...all,
          nodes: [...nodes.list()],
          service: (namespace, name) => services.get(`${namespace}/${name}`),
          labelsOf: (namespace) => {
            const found = namespaces.get(namespace);
            return found && (found.metadata.labels ?? {});
          },
          certificate,
          authority: (namespace, name) => authoritiesOf(authorities.get(namespace, name)),
          reservedPorts: ctx.clusterPorts ?? [],
          nowMs,
        };
      },
      plan: planGatewayStatus,
      stop: () => {
        secrets.stop();
        authorities.stop();
      },
    },
    (queue) => {
      again = (): void => queue.add(everything);
      const isAny = (): boolean => !gateways.list()[Symbol.iterator]().next().done;
      for (const mirror of [classes, gateways]) mirror.onChange(() => again());
      for (const mirror of [
        httpRoutes,
        grpcRoutes,
        tlsRoutes,
        tcpRoutes,
        policies,
        grants,
        services,
      ])
        mirror.onChange(() => {
          if (isAny()) again();
        });
      namespaces.onChange(({ object, old }) => {
        if (isAny() && !jsonEqual(object.metadata.labels, old?.metadata.labels)) again();
      });
      nodes.onChange(({ type, object, old }) => {
        if (type !== 'MODIFIED' || !jsonEqual(servingFacts(object), servingFacts(old))) again();
      });
    },
  );
}
