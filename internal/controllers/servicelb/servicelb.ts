import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import { keyOf } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { sliceIndex } from '../endpointslice/endpointslice.ts';
import { startPlanned } from '../kit/planned.ts';
import { jsonEqual } from '../../api/patch/json.ts';
import { isOurs, planBalancers, type BalancerView } from './plan.ts';

/** Upstream's name for what gives load balancers to Services, and its rights. */
const name = 'service-controller';
/** Services share the ports of nodes: one pass looks at all of them. */
const everything = 'all';

/** The index `hostPorts`: pods that ask for ports of their node. */
const hostPortIndex = {
  hostPorts: (pod: Pod): string[] =>
    [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some((c) =>
      (c.ports ?? []).some((p) => p.hostPort),
    )
      ? [everything]
      : [],
};

/**
 * Gives Services of type LoadBalancer the addresses of the nodes that answer for them; the proxies
 * of the nodes carry the packets.
 */
export function startServiceBalancer(ctx: ControllerContext): Controller {
  const services = ctx.mirrors.of<Service>(refs.services);
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: hostPortIndex });
  const slices = ctx.mirrors.of<EndpointSlice>(refs.endpointSlices, { indexes: sliceIndex });
  let said: ReadonlyMap<string, string> = new Map();
  return startPlanned<BalancerView>(
    ctx,
    {
      name,
      title: 'servicelb',
      mirrors: [
        { ref: refs.services, mirror: services },
        { ref: refs.nodes, mirror: nodes },
        { ref: refs.pods, mirror: pods },
        { ref: refs.endpointSlices, mirror: slices },
      ],
      view: () => ({
        services: [...services.list()],
        nodes: [...nodes.list()],
        hostPods: [...pods.byIndex('hostPorts', everything)],
        clusterPorts: ctx.clusterPorts ?? [],
        nodesWithEndpoints: (service) => readyNodes(slices.byIndex('service', keyOf(service))),
        said,
      }),
      plan: (view) => {
        const { complaints, ...plan } = planBalancers(view);
        said = complaints;
        return plan;
      },
    },
    (queue) => {
      const again = (): void => queue.add(everything);
      services.onChange(({ object, old }) => {
        if (object.spec.type === 'LoadBalancer' || old?.spec.type === 'LoadBalancer') again();
      });
      nodes.onChange(({ type, object, old }) => {
        if (type !== 'MODIFIED' || !old || !jsonEqual(factsOf(object), factsOf(old))) again();
      });
      pods.onChange(({ type, object }) => {
        if (type !== 'MODIFIED' && hostPortIndex.hostPorts(object).length > 0) again();
      });
      slices.onChange(({ object }) => {
        const service = services.get(sliceIndex.service(object)[0] ?? '');
        if (service && isOurs(service) && service.spec.externalTrafficPolicy === 'Local') again();
      });
    },
  );
}

/** What of a node decides: its heartbeat does not. */
const factsOf = ({ metadata, status }: Node): unknown => [
  metadata.labels,
  metadata.deletionTimestamp,
  status?.addresses,
  status?.conditions?.find((c) => c.type === 'Ready')?.status,
];

function readyNodes(slices: Iterable<EndpointSlice>): Set<string> {
  const names = new Set<string>();
  for (const slice of slices)
    for (const { conditions, nodeName } of slice.endpoints ?? [])
      if (nodeName && conditions?.ready !== false) names.add(nodeName);
  return names;
}
