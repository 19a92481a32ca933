import { Buffer } from 'node:buffer';
import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  Validation,
} from '../../api/generated/types/admissionregistration-v1.ts';
import type { StatusReason } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import { declared } from './declared.ts';
import { compileExpression, type Evaluation, type ExpressionOptions } from './expressions.ts';

/** What one validation came to. `failed`: it could not be evaluated. */
export interface Decision {
  action: 'admit' | 'deny';
  failed: boolean;
  message: string;
  reason: StatusReason;
  tookMs: number;
}

/** What one audit annotation came to; neither value nor error: it is left out. */
export interface Noted {
  key: string;
  value?: string;
  error?: string;
  tookMs: number;
}

export interface Judgement {
  decisions: Decision[];
  noted: Noted[];
}

/** CEL's words for the results a value expression may have. */
export const annotationResults = ['string', 'null_type'] as const;
const maxMessageLength = 5 * 1024;
const admitted = { action: 'admit', failed: false, message: '', reason: 'Invalid' } as const;

/**
 * What a policy says of the request with one parameter. A condition that is false takes the request
 * out of the policy.
 */
export async function judge(
  policy: ValidatingAdmissionPolicy,
  evaluation: Evaluation,
  now: () => number,
): Promise<Judgement> {
  const { spec } = policy;
  const open = spec.failurePolicy === 'Ignore';
  const params = spec.paramKind !== undefined && spec.paramKind !== null;
  const fresh = evaluation.afresh();
  try {
    const scope = declared(spec.variables, params);
    evaluation.declare(scope.programs);
    fresh.declare(scope.programs);
    for (const { expression } of spec.matchConditions ?? []) {
      if (
        !(await evaluation.holds(
          compileExpression(expression, { params, variables: undefined, result: 'bool' }),
        ))
      )
        return { decisions: [], noted: [] };
    }
    const options = { params, variables: scope.types };
    const decisions: Decision[] = [];
    for (const validation of spec.validations ?? [])
      decisions.push(await decide(validation, evaluation, { options, open, now }));
    const noted: Noted[] = [];
    // Annotations have a budget of their own.
    for (const annotation of spec.auditAnnotations ?? [])
      noted.push(await note(annotation, fresh, { options, open, now }));
    return { decisions, noted };
  } catch (error) {
    return { decisions: [failure(messageOf(error), open, 0)], noted: [] };
  }
}

interface Means {
  options: ExpressionOptions;
  /** An error counts as nothing. */
  open: boolean;
  now: () => number;
}

const failure = (message: string, open: boolean, tookMs: number): Decision => ({
  action: open ? 'admit' : 'deny',
  failed: true,
  message,
  reason: 'Invalid',
  tookMs,
});
const inWords = (expression: string, error: unknown): string =>
  `expression '${expression}' resulted in error: ${messageOf(error)}`;

async function decide(
  validation: Validation,
  evaluation: Evaluation,
  { options, open, now }: Means,
): Promise<Decision> {
  const began = now();
  try {
    if (
      (await evaluation.run(
        compileExpression(validation.expression, { ...options, result: 'bool' }),
      )) === true
    )
      return { ...admitted, tookMs: now() - began };
  } catch (error) {
    return failure(inWords(validation.expression, error), open, now() - began);
  }
  const tookMs = now() - began;
  return {
    action: 'deny',
    failed: false,
    message: await messageFor(validation, evaluation, options),
    reason: (validation.reason || 'Invalid') as StatusReason,
    tookMs,
  };
}

async function messageFor(
  validation: Validation,
  evaluation: Evaluation,
  options: ExpressionOptions,
): Promise<string> {
  const fallback =
    validation.message?.trim() || `failed expression: ${validation.expression.trim()}`;
  if (!validation.messageExpression) return fallback;
  try {
    const text = await evaluation.run(
      compileExpression(validation.messageExpression, { ...options, result: 'string' }),
    );
    const said = typeof text === 'string' ? text.trim() : '';
    return said && Buffer.byteLength(said) <= maxMessageLength && !said.includes('\n')
      ? said
      : fallback;
  } catch {
    return fallback;
  }
}

async function note(
  { key, valueExpression }: AuditAnnotation,
  evaluation: Evaluation,
  { options, open, now }: Means,
): Promise<Noted> {
  const began = now();
  const expression = valueExpression.trim();
  try {
    const value = await evaluation.run(
      compileExpression(expression, { ...options, result: annotationResults }),
    );
    const text = typeof value === 'string' ? value.trim() : '';
    return { key, ...(text && { value: text }), tookMs: now() - began };
  } catch (error) {
    return { key, ...(!open && { error: inWords(expression, error) }), tookMs: now() - began };
  }
}
