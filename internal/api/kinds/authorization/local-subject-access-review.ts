import type { LocalSubjectAccessReview } from '../../generated/types/authorization-v1.ts';
import { kind } from '../kind.ts';

export const localSubjectAccessReview = kind<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  kind: 'LocalSubjectAccessReview',
});
