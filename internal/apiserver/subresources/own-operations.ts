import { Operations } from '../operations/operation.ts';
import { addBinding } from './binding.ts';
import { addComponentStatuses } from './component-statuses.ts';
import { addEviction } from './eviction.ts';
import { addReviews, type ReviewParts } from './reviews.ts';
import { scaleOperation } from './scale.ts';
import { addTokenRequest, type TokenParts } from './token-request.ts';
import type { UnstoredKinds } from '../registry/unstored-kinds.ts';

/** Every subresource that is more than a part of its object, and every resource without a store. */
export function ownOperations(
  parts: ReviewParts & TokenParts & { unstored: UnstoredKinds },
): Operations {
  const operations = new Operations({ scale: scaleOperation(parts.unstored) });
  addBinding(operations);
  addEviction(operations);
  addTokenRequest(operations, parts);
  addReviews(operations, parts);
  addComponentStatuses(operations);
  return operations;
}
