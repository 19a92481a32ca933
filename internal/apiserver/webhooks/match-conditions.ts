import type { MatchCondition } from '../../api/generated/types/admissionregistration-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Attributes } from '../admission/chain.ts';
import { refusal } from '../admission/refusal.ts';
import { compileExpression, Evaluation } from '../policies/expressions.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import type { Webhook } from './match.ts';

/**
 * Whether all of a webhook's conditions hold. One that is false decides; one that fails counts as
 * the failure policy says.
 */
export async function conditionsFit(
  server: Server,
  webhook: Webhook,
  attributes: Attributes,
  resource: ServedResource,
): Promise<boolean> {
  const conditions: MatchCondition[] = webhook.matchConditions ?? [];
  if (conditions.length === 0) return true;
  const evaluation = await Evaluation.of(server, attributes, resource);
  const failures: string[] = [];
  for (const { expression } of conditions) {
    try {
      if (
        !(await evaluation.holds(
          compileExpression(expression, { params: false, variables: undefined, result: 'bool' }),
        ))
      )
        return false;
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  if (failures.length === 0) return true;
  if (webhook.failurePolicy === 'Ignore') return false;
  throw refusal(attributes, `[${failures.join(', ')}]`);
}
