import type { ConfigMap, Namespace } from '../../api/generated/types/core-v1.ts';
import { splitKey } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, type Plan } from '../kit/write.ts';

const name = 'root-ca-cert-publisher';
const mapName = 'kube-root-ca.crt';
const annotation = 'kubernetes.io/description';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal ' +
  'endpoints such as the internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.';

/**
 * Every active namespace holds the cluster's certificate authorities, for pods to trust the API
 * server by.
 */
export function startRootCaPublisher(ctx: ControllerContext): Controller {
  const namespaces = ctx.mirrors.of<Namespace>(refs.namespaces);
  const maps = ctx.mirrors.of<ConfigMap>(refs.configMaps);
  return startPlanned<RootCaView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.namespaces, mirror: namespaces },
        { ref: refs.configMaps, mirror: maps },
      ],
      view: (key) => {
        const namespace = namespaces.get(key);
        return (
          namespace && { namespace, present: maps.get(`${key}/${mapName}`), rootCa: ctx.rootCa }
        );
      },
      plan: planRootCa,
    },
    (queue) => {
      namespaces.onChange(({ type, key }) => {
        if (type !== 'DELETED') queue.add(key);
      });
      maps.onChange(({ key }) => {
        const map = splitKey(key);
        if (map.name === mapName) queue.add(map.namespace);
      });
    },
  );
}

interface RootCaView {
  namespace: Namespace;
  present: ConfigMap | undefined;
  rootCa: string;
}

function planRootCa({ namespace, present, rootCa }: RootCaView): Plan {
  if (namespace.status?.phase === 'Terminating' || namespace.metadata.deletionTimestamp)
    return nothing;
  const data = { 'ca.crt': rootCa };
  const ref = refs.configMaps;
  if (!present) {
    const annotations = { [annotation]: description };
    const metadata = { name: mapName, namespace: namespace.metadata.name, annotations };
    // The namespace may be gone by now, or the map be there.
    const forgives: ['AlreadyExists', 'NotFound'] = ['AlreadyExists', 'NotFound'];
    return { steps: [{ verb: 'create', ref, object: { metadata, data }, forgives }] };
  }
  if (
    present.data?.['ca.crt'] === rootCa &&
    Object.keys(present.data).length === 1 &&
    present.metadata.annotations?.[annotation] === description
  )
    return nothing;
  const annotations = { ...present.metadata.annotations, [annotation]: description };
  const object = { ...present, data, metadata: { ...present.metadata, annotations } };
  return { steps: [{ verb: 'update', ref, object }] };
}
