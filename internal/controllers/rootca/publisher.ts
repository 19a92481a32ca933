import type { ConfigMap, Namespace } from '../../api/generated/types/core-v1.ts';
import { splitKey } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError, isNamespaceTerminating } from '../owners.ts';
import { startLoop } from '../run.ts';

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
  const client = ctx.clientFor(name);
  const namespaces = ctx.mirrors.of<Namespace>(refs.namespaces);
  const maps = ctx.mirrors.of<ConfigMap>(refs.configMaps);
  const data = { 'ca.crt': ctx.rootCa };
  const reconcile = async (namespace: string): Promise<void> => {
    const home = namespaces.get(namespace);
    if (!home || home.status?.phase === 'Terminating' || home.metadata.deletionTimestamp) return;
    const present = maps.get(`${namespace}/${mapName}`);
    try {
      if (!present) {
        await client.create(refs.configMaps, {
          metadata: { name: mapName, namespace, annotations: { [annotation]: description } },
          data,
        });
      } else if (
        present.data?.['ca.crt'] !== ctx.rootCa ||
        Object.keys(present.data).length !== 1 ||
        present.metadata.annotations?.[annotation] !== description
      ) {
        const annotations = { ...present.metadata.annotations, [annotation]: description };
        await client.update(refs.configMaps, {
          ...present,
          data,
          metadata: { ...present.metadata, annotations },
        });
      }
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists', 'NotFound') && !isNamespaceTerminating(error))
        throw error;
    }
  };
  return startLoop(ctx, { name, reconcile, mirrors: [namespaces, maps] }, (queue) => {
    namespaces.onChange(({ type, key }) => {
      if (type !== 'DELETED') queue.add(key);
    });
    maps.onChange(({ key }) => {
      const map = splitKey(key);
      if (map.name === mapName) queue.add(map.namespace);
    });
  });
}
