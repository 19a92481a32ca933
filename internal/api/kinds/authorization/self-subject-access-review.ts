import type { SelfSubjectAccessReview } from '../../generated/types/authorization-v1.ts';
import { kind } from '../kind.ts';

export const selfSubjectAccessReview = kind<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  kind: 'SelfSubjectAccessReview',
});
