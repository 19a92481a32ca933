import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import type { Change, Mirror } from '../client/client.ts';
import type { ServerList } from './server-list.ts';

type Slices = Mirror<EndpointSlice>;

const isOfServers = ({ metadata }: EndpointSlice): boolean =>
  metadata.namespace === 'default' &&
  metadata.labels?.['kubernetes.io/service-name'] === 'kubernetes';

/**
 * EndpointSlices as the network of a node with no server of its own reads them: of the
 * `kubernetes` Service without the servers that this node cannot reach just now, so that pods find
 * one that lives. The cluster itself takes a dead server out only when its lease ends, and a node
 * cut off from one server alone would never be told. When none is reached, all stay.
 */
export function livingServers(slices: Slices, servers: ServerList): Slices {
  const seen = (slice: EndpointSlice): EndpointSlice =>
    isOfServers(slice) ? living(slice, servers) : slice;
  return {
    synced: slices.synced,
    served: slices.served,
    get resourceVersion() {
      return slices.resourceVersion;
    },
    get: (key) => {
      const found = slices.get(key);
      return found && seen(found);
    },
    list: (namespace) => [...slices.list(namespace)].map(seen),
    byIndex: (name, value) => [...slices.byIndex(name, value)].map(seen),
    onChange: (handler) => {
      const stop = slices.onChange((change) => handler(shown(change, seen)));
      const stopTurns = servers.onTurn(() => {
        for (const slice of slices.list('default'))
          if (isOfServers(slice)) {
            const { namespace = '', name = '' } = slice.metadata;
            const object = seen(slice);
            handler({ type: 'MODIFIED', key: `${namespace}/${name}`, object, old: slice });
          }
      });
      return () => {
        stop();
        stopTurns();
      };
    },
    stop: () => slices.stop(),
  };
}

function shown<T>(change: Change<T>, seen: (object: T) => T): Change<T> {
  return { ...change, object: seen(change.object), old: change.old && seen(change.old) };
}

function living(slice: EndpointSlice, servers: ServerList): EndpointSlice {
  const port = slice.ports?.find((one) => one.name === 'https')?.port;
  const endpoints = slice.endpoints?.filter(({ addresses }) =>
    addresses.some(
      (one) => !servers.isAway(one.includes(':') ? `[${one}]:${port}` : `${one}:${port}`),
    ),
  );
  return endpoints?.length ? { ...slice, endpoints } : slice;
}
