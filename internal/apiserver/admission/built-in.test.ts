import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import {
  at,
  configMaps,
  failure,
  namespaces,
  pods,
  ref,
  startWithAdmin,
} from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('admission', () => {
  test('nothing is made in a namespace that is not there', async () => {
    const error = await failure(
      admin.create(configMaps, { metadata: { name: 'x', namespace: 'nowhere' } }),
    );
    expect([error.httpStatus, error.message]).toEqual([404, 'namespaces "nowhere" not found']);
  });

  test('a pod gets account, token, priority and tolerations', async () => {
    const pod = await admin.create<KubeObject & { spec: Record<string, unknown> }>(pods, {
      metadata: { name: 'p', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    expect(pod.spec).toMatchObject({
      serviceAccountName: 'default',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
    });
    expect(pod.spec['tolerations']).toHaveLength(2);
    expect((pod.spec['volumes'] as { name: string }[])[0]?.name).toMatch(/^kube-api-access-/);
  });

  test('a pod is bound once, and deleted at once when it runs nowhere', async () => {
    const bind = { metadata: { name: 'bound' }, target: { kind: 'Node', name: 'n1' } };
    await admin.create(pods, {
      metadata: { name: 'bound', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await admin.create(pods, bind, { namespace: 'default', name: 'bound', subresource: 'binding' });
    const again = await failure(
      admin.create(pods, bind, { namespace: 'default', name: 'bound', subresource: 'binding' }),
    );
    expect((await admin.get<KubeObject>(pods, at('bound'))).metadata.generation).toBe(1);
    expect(again.message).toBe(
      'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned ' +
        'to node "n1"',
    );
    await admin.delete(pods, at('bound'), { gracePeriodSeconds: 5 });
    expect(
      (await admin.get<KubeObject>(pods, at('bound'))).metadata.deletionGracePeriodSeconds,
    ).toBe(5);
    await admin.delete(pods, at('bound'), { gracePeriodSeconds: 0 });
    expect((await failure(admin.get(pods, at('bound')))).reason).toBe('NotFound');
    await admin.create(pods, {
      metadata: { name: 'free', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await admin.delete(pods, at('free'));
    expect((await failure(admin.get(pods, at('free')))).reason).toBe('NotFound');
  });

  test('pod security by label', async () => {
    await admin.create(namespaces, {
      metadata: { name: 'strict', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
    await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
      metadata: { name: 'default', namespace: 'strict' },
    });
    const error = await failure(
      admin.create(pods, {
        metadata: { name: 'p', namespace: 'strict' },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      }),
    );
    expect(error.message).toBe(
      'pods "p" is forbidden: violates PodSecurity "restricted:latest": ' +
        'allowPrivilegeEscalation != false (container "c" must set ' +
        'securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container ' +
        '"c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or ' +
        'container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or ' +
        'container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or ' +
        '"Localhost")',
    );
  });

  test('a quota is charged and holds', async () => {
    await admin.create(namespaces, { metadata: { name: 'quota' } });
    const quotas = ref('resourcequotas', 'ResourceQuota');
    const quota = await admin.create<KubeObject>(quotas, {
      metadata: { name: 'q', namespace: 'quota' },
      spec: { hard: { configmaps: '1' } },
    });
    await admin.update(
      quotas,
      { ...quota, status: { hard: { configmaps: '1' }, used: { configmaps: '0' } } },
      { subresource: 'status' },
    );
    await admin.create(configMaps, { metadata: { name: 'one', namespace: 'quota' } });
    const error = await failure(
      admin.create(configMaps, { metadata: { name: 'two', namespace: 'quota' } }),
    );
    expect(error.message).toBe(
      'configmaps "two" is forbidden: exceeded quota: q, requested: configmaps=1, used: ' +
        'configmaps=1, limited: configmaps=1',
    );
  });
});
