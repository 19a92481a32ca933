import type { Condition } from '../generated/types/meta-v1.ts';
import { qualifiedName, regexMessage } from '../names.ts';
import type { Problems } from './problems.ts';

const maxReason = 1024;
const maxMessage = 32 * 1024;
const reasonText =
  'a condition reason must start with alphabetic character, optionally followed by a string ' +
  "of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
const reasonRule = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';

/** Conditions as newer kinds have them. */
export function checkConditions(
  problems: Problems,
  conditions: readonly Condition[],
  path: string,
): void {
  const seen = new Set<string>();
  conditions.forEach((condition, i) => {
    const at = `${path}[${i}]`;
    if (seen.has(condition.type)) problems.duplicate(`${at}.type`, condition.type);
    seen.add(condition.type);
    checkCondition(problems, condition, at);
  });
}

function checkCondition(problems: Problems, condition: Condition, path: string): void {
  problems.check(`${path}.type`, condition.type ?? '', qualifiedName);
  if (!['False', 'True', 'Unknown'].includes(condition.status))
    problems.notSupported(`${path}.status`, condition.status ?? '', ['False', 'True', 'Unknown']);
  if ((condition.observedGeneration ?? 0) < 0)
    problems.invalid(
      `${path}.observedGeneration`,
      condition.observedGeneration,
      'must be greater than or equal to zero',
    );
  if (!condition.lastTransitionTime) problems.required(`${path}.lastTransitionTime`);
  const reason = condition.reason ?? '';
  if (!reason) problems.required(`${path}.reason`);
  else {
    if (!new RegExp(`^${reasonRule}$`).test(reason)) {
      problems.invalid(
        `${path}.reason`,
        reason,
        regexMessage(
          reasonText,
          reasonRule,
          'my_name',
          'MY_NAME',
          'MyName',
          'ReasonA,ReasonB',
          'ReasonA:ReasonB',
        ),
      );
    }
    if (reason.length > maxReason) problems.tooLong(`${path}.reason`, maxReason);
  }
  if ((condition.message ?? '').length > maxMessage)
    problems.tooLong(`${path}.message`, maxMessage);
}
