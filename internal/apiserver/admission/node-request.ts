import type { Authorize } from '../authz/authorizer.ts';
import type { Core } from '../registry/core.ts';
import type { Attributes } from './chain.ts';

/** What the checks work with; `refuse` makes the answer. */
export interface NodeRequest {
  core: Core;
  node: string;
  attributes: Attributes;
  authorize: Authorize;
  refuse(why: string): Error;
}
