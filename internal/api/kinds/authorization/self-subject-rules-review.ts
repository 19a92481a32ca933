import type { SelfSubjectRulesReview } from '../../generated/types/authorization-v1.ts';
import { kind } from '../kind.ts';

export const selfSubjectRulesReview = kind<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  kind: 'SelfSubjectRulesReview',
});
