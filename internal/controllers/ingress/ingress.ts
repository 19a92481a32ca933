import type { Node, Service } from '../../api/generated/types/core-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { jsonEqual } from '../../api/patch/json.ts';
import { servingFacts } from '../node-addresses.ts';
import { planIngresses, type IngressView } from './plan.ts';

/** The account; the supervisor gives it its rights. */
export const ingressAccount = 'ingress-controller';
/** Ingresses share hosts and paths: one pass looks at all of them. */
const everything = 'all';

/** Says where Ingresses are reached, and why what does not route. HAProxy of the nodes serves. */
export function startIngressController(ctx: ControllerContext): Controller {
  const ingresses = ctx.mirrors.of<Ingress>(refs.ingresses);
  const classes = ctx.mirrors.of<IngressClass>(refs.ingressClasses);
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const services = ctx.mirrors.of<Service>(refs.services);
  let said: ReadonlyMap<string, string> = new Map();
  return startPlanned<IngressView>(
    ctx,
    {
      name: ingressAccount,
      title: 'ingress',
      mirrors: [
        { ref: refs.ingresses, mirror: ingresses },
        { ref: refs.ingressClasses, mirror: classes },
        { ref: refs.nodes, mirror: nodes },
        { ref: refs.services, mirror: services },
      ],
      view: () => ({
        ingresses: [...ingresses.list()],
        classes: [...classes.list()],
        nodes: [...nodes.list()],
        service: (namespace, name) => services.get(`${namespace}/${name}`),
        said,
      }),
      plan: (view) => {
        const { complaints, ...plan } = planIngresses(view);
        said = complaints;
        return plan;
      },
    },
    (queue) => {
      const again = (): void => queue.add(everything);
      ingresses.onChange(again);
      classes.onChange(again);
      services.onChange(() => {
        if (!ingresses.list()[Symbol.iterator]().next().done) again();
      });
      nodes.onChange(({ type, object, old }) => {
        if (type !== 'MODIFIED' || !jsonEqual(servingFacts(object), servingFacts(old))) again();
      });
    },
  );
}
