import type { Server } from '../server.ts';
import { addNodeStreams } from '../proxy/pod-streams.ts';
import { addProxies } from '../proxy/proxies.ts';
import { addBinding } from './binding.ts';
import { addComponentStatuses } from './component-statuses.ts';
import { addEviction } from './eviction.ts';
import { addReviews } from './reviews.ts';
import { addScale } from './scale.ts';
import { addTokenRequest } from './token-request.ts';

/** Registers every subresource and every resource that is not simply stored. */
export function addSubresources(server: Server): void {
  addBinding(server);
  addEviction(server);
  addScale(server);
  addTokenRequest(server);
  addReviews(server);
  addComponentStatuses(server);
  addNodeStreams(server);
  addProxies(server);
}
