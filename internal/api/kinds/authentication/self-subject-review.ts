import type { SelfSubjectReview } from '../../generated/types/authentication-v1.ts';
import { kind } from '../kind.ts';

export const selfSubjectReview = kind<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  kind: 'SelfSubjectReview',
});
