import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { at, ref, startWithAdmin } from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('tokens', () => {
  test('a token names its account and dies with it', async () => {
    const accounts = ref('serviceaccounts', 'ServiceAccount');
    await admin.create(accounts, { metadata: { name: 'bot', namespace: 'default' } });
    const issued = await admin.create<KubeObject & { status: { token: string } }>(
      accounts,
      { spec: { expirationSeconds: 600 } },
      { namespace: 'default', name: 'bot', subresource: 'token' },
    );
    const reviews = ref('tokenreviews', 'TokenReview', 'authentication.k8s.io', false);
    const ask = () =>
      admin.create<{ status: { authenticated?: boolean; user?: { username: string } } }>(reviews, {
        spec: { token: issued.status.token },
      });
    expect((await ask()).status).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:default:bot' },
    });
    await admin.delete(accounts, at('bot'));
    expect((await ask()).status.authenticated).toBeUndefined();
  });
});
