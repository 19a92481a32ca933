import type { NodeCall } from '../context.ts';
import type { NodeRequest } from './write.ts';

/** A node answered with something else than 200. */
export class NodeRefused extends Error {
  readonly status: number;

  constructor({ node }: NodeRequest, status: number, text: string) {
    super(`node ${node}: ${text || status}`);
    this.status = status;
  }
}

const longestText = 500;

/** Sends the request to the node's own port. Throws `NodeRefused` unless it answers 200. */
export async function askNode(call: NodeCall, request: NodeRequest): Promise<Buffer> {
  const { status, body } = await call(request.node, request.method, request.path);
  if (status === 200) return body;
  throw new NodeRefused(request, status, body.toString().trim().slice(0, longestText));
}
