import type { Ingress } from '../../api/generated/types/networking-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Core } from '../registry/core.ts';
import type { AdmissionPlugin } from './chain.ts';

interface Row {
  group: string;
  resource: string;
  /** With one of these in --disable, or its like, the operator says that somebody else does it. */
  elsewhere: readonly string[];
  /** Whether this object waits for a component that is not here. */
  waits(object: KubeObject, core: Core): Promise<boolean> | boolean;
  warning: string;
}

/** Everything that is stored and that nobody here works on. A row goes as soon as somebody does. */
const rows: Row[] = [
  {
    group: 'networking.k8s.io',
    resource: 'ingresses',
    elsewhere: ['traefik', 'ingress'],
    waits: (object) => {
      const { spec, metadata } = object as Ingress;
      return (
        !spec?.ingressClassName &&
        metadata.annotations?.['kubernetes.io/ingress.class'] === undefined
      );
    },
    warning:
      'nobody serves this Ingress: it names no ingressClassName (skiff, or that of another), and ' +
      'no IngressClass is the default',
  },
];

/**
 * Warns whoever creates what nobody here carries out (or makes it so by an update), unless somebody
 * else may. Refuses nothing.
 */
export function notCarriedOut(core: Core, elsewhere: readonly string[]): AdmissionPlugin {
  const active = new Map(
    rows
      .filter((row) => !row.elsewhere.some((name) => elsewhere.includes(name)))
      .map((row) => [`${row.group}/${row.resource}`, row]),
  );
  const rowOf = ({
    resource,
  }: {
    resource: { group: string; resource: string };
  }): Row | undefined => active.get(`${resource.group}/${resource.resource}`);
  return {
    name: 'NotCarriedOut',
    handles: ({ call, operation }) =>
      (operation === 'CREATE' || operation === 'UPDATE') &&
      call.subresource === '' &&
      rowOf(call) !== undefined,
    async validate({ call, object, old }) {
      const row = rowOf(call);
      if (!row || !object || !(await row.waits(object, core))) return;
      if (old && (await row.waits(old, core))) return;
      call.warnings.push(row.warning);
    },
  };
}
