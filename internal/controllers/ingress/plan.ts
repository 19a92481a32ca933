import type { Node, Service } from '../../api/generated/types/core-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { ourIngresses, routesOf } from '../../api/ingress/routes.ts';
import { refs } from '../../client/refs.ts';
import { say, type Plan, type Say, type Write } from '../kit/write.ts';
import { equalAs } from '../../api/equality.ts';
import { servedAddresses } from '../node-addresses.ts';

export interface IngressView {
  ingresses: Ingress[];
  classes: IngressClass[];
  nodes: Node[];
  service(namespace: string, name: string): Service | undefined;
  /** What was said of an Ingress last, by its uid: an event is for news. */
  said: ReadonlyMap<string, string>;
}

/** Where Ingresses of our classes are reached, and what of them is not served. */
export function planIngresses(view: IngressView): Plan & { complaints: Map<string, string> } {
  const { complaints } = routesOf(view);
  const writes: Write[] = [];
  const events: Say[] = [];
  const now = new Map<string, string>();
  const addresses = servedAddresses(view.nodes).map((ip) => ({ ip }));
  for (const ingress of ourIngresses(view)) {
    const { metadata, status } = ingress;
    const uid = metadata.uid ?? '';
    const complaint = (complaints.get(`${metadata.namespace}/${metadata.name}`) ?? []).join('; ');
    if (complaint !== '') now.set(uid, complaint);
    if (complaint !== '' && view.said.get(uid) !== complaint)
      events.push(say(ingress, 'Warning', 'NotRouted', complaint));
    if (
      equalAs(
        '[]@networking.v1.IngressLoadBalancerIngress',
        status?.loadBalancer?.ingress,
        addresses,
      )
    )
      continue;
    const body = { status: { loadBalancer: { ingress: addresses } } };
    const patch = { type: 'merge' as const, body };
    writes.push({
      verb: 'patch',
      ref: refs.ingresses,
      object: ingress,
      patch,
      subresource: 'status',
    });
  }
  return { steps: [...events, { pace: 'together', writes }], complaints: now };
}
