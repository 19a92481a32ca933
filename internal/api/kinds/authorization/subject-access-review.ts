import type { SubjectAccessReview } from '../../generated/types/authorization-v1.ts';
import { kind } from '../kind.ts';

export const subjectAccessReview = kind<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  kind: 'SubjectAccessReview',
});
