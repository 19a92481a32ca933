import type { Attributes } from '../admission/chain.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import type { Webhook } from './match.ts';

/** CEL conditions of a webhook; none so far narrows anything. */
export async function conditionsFit(_server: Server, _webhook: Webhook, _attributes: Attributes, _resource: ServedResource): Promise<boolean> {
  return true;
}
