import type { TokenReview } from '../../generated/types/authentication-v1.ts';
import { kind } from '../kind.ts';

export const tokenReview = kind<TokenReview>({
  group: 'authentication.k8s.io',
  kind: 'TokenReview',
});
