import type { AccessRequest, Decision } from '../authz/authorizer.ts';
import type { Core } from '../registry/call.ts';
import type { Attributes } from './chain.ts';

/** What the checks work with; `refuse` makes the answer. */
export interface NodeRequest {
  core: Core;
  node: string;
  attributes: Attributes;
  authorize(request: AccessRequest): Decision;
  refuse(why: string): Error;
}
