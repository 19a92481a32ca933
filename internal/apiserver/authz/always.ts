import type { Authorizer } from './chain.ts';

/** Authorizers that do not look (apiserver authorizerfactory). */
export const alwaysAllow: Authorizer = {
  type: 'AlwaysAllow',
  name: 'alwaysallow',
  authorize: () => ({ allowed: true, reason: '' }),
  rulesFor: () => ({
    rules: [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ],
    incomplete: false,
  }),
};

/** No opinion, so that a later one may allow. */
export const alwaysDeny: Authorizer = {
  type: 'AlwaysDeny',
  name: 'alwaysdeny',
  authorize: () => ({ allowed: false, reason: 'Everything is forbidden.' }),
  rulesFor: () => ({ rules: [], incomplete: false }),
};
