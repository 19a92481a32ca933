import { Connections } from './connections.ts';
import { addNodeStreams } from './pod-streams.ts';
import { addProxies } from './proxies.ts';

/** Everything that goes on to a kubelet, a pod or a service. */
export function allConnections(): Connections {
  const connections = new Connections();
  addNodeStreams(connections);
  addProxies(connections);
  return connections;
}
