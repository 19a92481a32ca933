import type { KubeObject } from '../object.ts';
import type { FieldError } from '../status.ts';
import { validateCreate, validateUpdate } from '../validation/validate.ts';
import { kindOf } from '../kinds/kinds.ts';
import type { StrategyContext, StrategyInfo } from './row.ts';
import { genericRule, ruleOf } from './rules.ts';
import type { Rule } from './rules.ts';
import { warningsFor } from './warnings.ts';

/**
 * What create, update and each subresource may change of a kind, and what is checked. `prepare...`
 * change `object` in place; `old` is frozen and stays as it is. `subresource` is '' for the
 * resource itself.
 */
export interface Strategy {
  prepareForCreate(object: KubeObject, context: StrategyContext): void;
  prepareForUpdate(
    object: KubeObject,
    old: KubeObject,
    subresource: string,
    context?: StrategyContext,
  ): void;
  prepareForStatusUpdate(object: KubeObject, old: KubeObject, context?: StrategyContext): void;
  validateCreate(object: KubeObject): FieldError[];
  validateUpdate(object: KubeObject, old: KubeObject, subresource?: string): FieldError[];
  warningsOnCreate(object: KubeObject): string[];
  warningsOnUpdate(object: KubeObject, old: KubeObject, subresource?: string): string[];
}

export type { StrategyContext, StrategyInfo, StrategyUser } from './row.ts';

const known = new WeakMap<StrategyInfo, Strategy>();

/** The strategy of a kind; made once for each info object. */
export function strategyFor(info: StrategyInfo): Strategy {
  let strategy = known.get(info);
  if (!strategy) known.set(info, (strategy = make(info)));
  return strategy;
}

const epoch: StrategyContext = { now: '1970-01-01T00:00:00Z' };

function make(info: StrategyInfo): Strategy {
  const rule: Rule = ruleOf(kindOf(info)) ?? genericRule(info);
  const strategy: Strategy = {
    prepareForCreate: (object, context) => rule.create(object, context, info),
    prepareForUpdate: (object, old, subresource, context = epoch) => {
      // Only the strategy may count generations.
      if (old.metadata.generation === undefined) delete object.metadata.generation;
      else object.metadata.generation = old.metadata.generation;
      (rule.subresources[subresource] ?? rule.update)(object, old, context);
      keepSystemMetadata(object, old);
    },
    prepareForStatusUpdate: (object, old, context = epoch) =>
      strategy.prepareForUpdate(object, old, 'status', context),
    validateCreate: (object) => validateCreate(info, object),
    validateUpdate: (object, old, subresource = '') =>
      validateUpdate(info, object, old, subresource),
    warningsOnCreate: (object) => warningsFor(info, object, undefined, ''),
    warningsOnUpdate: (object, old, subresource = '') =>
      warningsFor(info, object, old, subresource),
  };
  return strategy;
}

/** No update changes who an object is, when it was made, or takes its deletion back. */
function keepSystemMetadata(object: KubeObject, old: KubeObject): void {
  const [meta, was] = [object.metadata, old.metadata];
  if (!meta.uid && was.uid) meta.uid = was.uid;
  if (was.creationTimestamp) meta.creationTimestamp = was.creationTimestamp;
  if (was.deletionTimestamp) meta.deletionTimestamp = was.deletionTimestamp;
  if (was.deletionGracePeriodSeconds !== undefined && meta.deletionGracePeriodSeconds === undefined)
    meta.deletionGracePeriodSeconds = was.deletionGracePeriodSeconds;
}
