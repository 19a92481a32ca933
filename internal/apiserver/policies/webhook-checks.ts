import type { MatchCondition } from '../../api/generated/types/admissionregistration-v1.ts';
import { qualifiedName } from '../../api/names.ts';
import { fieldsOf, type KubeObject } from '../../api/object.ts';
import { invalid, type FieldError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import type { AdmissionPlugin } from '../admission/chain.ts';
import { compileExpression } from './expressions.ts';

const configurations = new Set([
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
]);
const maxConditions = 64;

/**
 * Match conditions of webhooks must compile before they are stored; what was stored before may stay
 * as it is.
 */
export const webhookChecks: AdmissionPlugin = {
  name: 'WebhookChecks',
  handles: ({ call, operation }) =>
    configurations.has(call.resource.resource) &&
    call.resource.group === 'admissionregistration.k8s.io' &&
    (operation === 'CREATE' || operation === 'UPDATE'),
  validate({ call, object, old }) {
    if (!object) return;
    const before = new Set(
      old ? errorsIn(old).map((error) => JSON.stringify([error.value, error.detail])) : [],
    );
    const fresh = errorsIn(object).filter(
      (error) => !before.has(JSON.stringify([error.value, error.detail])),
    );
    if (fresh.length) throw invalid(call.resource, object.metadata.name ?? '', fresh);
  },
};

function errorsIn(object: KubeObject): FieldError[] {
  const webhooks = (fieldsOf(object)['webhooks'] ?? []) as readonly {
    matchConditions?: MatchCondition[];
  }[];
  return webhooks.flatMap((webhook, i) =>
    checkConditions(webhook.matchConditions ?? [], `webhooks[${i}].matchConditions`),
  );
}

function checkConditions(conditions: readonly MatchCondition[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const invalidValue = (field: string, value: string, detail: string): unknown =>
    errors.push({ type: 'FieldValueInvalid', field, value, detail });
  if (conditions.length > maxConditions)
    errors.push({
      type: 'FieldValueTooMany',
      field: path,
      value: conditions.length,
      detail: `must have at most ${maxConditions} items`,
    });
  const seen = new Set<string>();
  conditions.forEach(({ name, expression }, i) => {
    const at = `${path}[${i}]`;
    try {
      if (expression.trim())
        compileExpression(expression, { params: false, variables: undefined, result: 'bool' });
      else errors.push({ type: 'FieldValueRequired', field: `${at}.expression`, detail: '' });
    } catch (error) {
      invalidValue(`${at}.expression`, expression, messageOf(error));
    }
    if (!name) errors.push({ type: 'FieldValueRequired', field: `${at}.name`, detail: '' });
    else for (const why of qualifiedName(name)) invalidValue(`${at}.name`, name, why);
    if (name && seen.has(name))
      errors.push({ type: 'FieldValueDuplicate', field: `${at}.name`, value: name, detail: '' });
    seen.add(name);
  });
  return errors;
}
