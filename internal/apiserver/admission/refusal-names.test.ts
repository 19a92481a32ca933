import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { pods, ref, said, startWithAdmin } from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('a refusal names the object', () => {
  const container = { name: 'c', image: 'x' };
  const generated = expect.stringMatching(/^403 pods "g-[a-z0-9]{5}" is forbidden: /) as string;
  test.each<[string, object, object, string]>([
    [
      'by its name',
      { name: 'n', generateName: 'g-' },
      { runtimeClassName: 'none' },
      '403 pods "n" is forbidden: pod rejected: RuntimeClass "none" not found',
    ],
    [
      'by what its name will begin with',
      { generateName: 'g-' },
      { runtimeClassName: 'none' },
      '403 pods "g-" is forbidden: pod rejected: RuntimeClass "none" not found',
    ],
    [
      'so too of a class',
      { generateName: 'g-' },
      { priorityClassName: 'none' },
      '403 pods "g-" is forbidden: no PriorityClass with name none was found',
    ],
    [
      'so too of an account',
      { generateName: 'g-' },
      { serviceAccountName: 'none' },
      '403 pods "g-" is forbidden: error looking up service account default/none: ' +
        'serviceaccount "none" not found',
    ],
    [
      'as unknown',
      {},
      { priorityClassName: 'none' },
      '403 pods "Unknown" is forbidden: no PriorityClass with name none was found',
    ],
    [
      'by the name that was made',
      { generateName: 'g-' },
      { containers: [{ ...container, resources: { limits: { cpu: '2' } } }] },
      generated,
    ],
  ])('%s', async (_what, metadata, spec, answer) => {
    const range = ref('limitranges', 'LimitRange');
    await admin.create(range, {
      metadata: { name: 'r', namespace: 'default' },
      spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] },
    });
    try {
      expect(
        await said(
          admin.create(pods, {
            metadata: { namespace: 'default', ...metadata },
            spec: { containers: [container], ...spec },
          }),
        ),
      ).toEqual(answer);
    } finally {
      await admin.delete(range, { name: 'r', namespace: 'default' });
    }
  });
});
