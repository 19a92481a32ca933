import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  FlowSchema,
  PriorityLevelConfiguration,
} from '../../api/generated/types/flowcontrol-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { Target } from '../../../test/attacks/target.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer, type DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { isLongRunning } from './flow-control.ts';
import { readRequestInfo } from '../http/request-info.ts';

const schemas: ResourceRef = {
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  resource: 'flowschemas',
  kind: 'FlowSchema',
  namespaced: false,
};
const levels: ResourceRef = {
  ...schemas,
  resource: 'prioritylevelconfigurations',
  kind: 'PriorityLevelConfiguration',
};

let dev: DevServer;
let admin: InProcessClient;
let target: Target;
let dir: string;

beforeAll(async () => {
  dev = await startDevServer({ flowControl: { requestTimeoutMs: 400 } });
  admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  dir = await mkdtemp(join(tmpdir(), 'flow-'));
  await writeFile(join(dir, 'kubeconfig'), dev.kubeconfig);
  target = new Target(join(dir, 'kubeconfig'));
});

afterAll(async () => {
  await target.close();
  await dev.api.close();
  await rm(dir, { recursive: true });
});

const uidOf = async (ref: ResourceRef, name: string): Promise<string> =>
  (await admin.get<KubeObject>(ref, { name })).metadata.uid ?? '';
const conditionOf = async (name: string): Promise<string | undefined> =>
  (await admin.get<FlowSchema>(schemas, { name })).status?.conditions?.find(
    (one) => one.type === 'Dangling',
  )?.status;

async function makeSchema(
  name: string,
  level: string,
  user: string,
  precedence = 1000,
): Promise<void> {
  await admin.create(schemas, {
    kind: 'FlowSchema',
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    metadata: { name },
    spec: {
      matchingPrecedence: precedence,
      priorityLevelConfiguration: { name: level },
      distinguisherMethod: { type: 'ByUser' },
      rules: [
        {
          subjects: [{ kind: 'User', user: { name: user } }],
          nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
          resourceRules: [
            {
              verbs: ['*'],
              apiGroups: ['*'],
              resources: ['*'],
              namespaces: ['*'],
              clusterScope: true,
            },
          ],
        },
      ],
    },
  });
}

const makeLevel = (name: string, limited: object): Promise<unknown> =>
  admin.create(levels, {
    kind: 'PriorityLevelConfiguration',
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    metadata: { name },
    spec: { type: 'Limited', limited },
  });

describe('classification', () => {
  test.each([
    ['an administrator', { as: {}, path: '/api/v1/pods' }, 'exempt', 'exempt'],
    [
      'anybody',
      { as: { user: 'somebody', groups: ['system:authenticated'] }, path: '/version' },
      'global-default',
      'global-default',
    ],
    [
      'a probe',
      { as: { user: 'somebody', groups: ['system:authenticated'] }, path: '/healthz' },
      'probes',
      'exempt',
    ],
    [
      'a node for its Node',
      { as: { user: 'system:node:a', groups: ['system:nodes'] }, path: '/api/v1/nodes/a' },
      'system-node-high',
      'node-high',
    ],
    [
      'a node for the rest',
      {
        as: { user: 'system:node:a', groups: ['system:nodes'] },
        path: '/api/v1/namespaces/x/pods/y',
      },
      'system-nodes',
      'system',
    ],
    [
      'an account',
      {
        as: {
          user: 'system:serviceaccount:a:b',
          groups: ['system:serviceaccounts', 'system:authenticated'],
        },
        path: '/api/v1/pods',
      },
      'service-accounts',
      'workload-low',
    ],
    [
      'an account of the system',
      {
        as: {
          user: 'system:serviceaccount:kube-system:b',
          groups: ['system:serviceaccounts', 'system:authenticated'],
        },
        path: '/api/v1/pods',
      },
      'kube-system-service-accounts',
      'workload-high',
    ],
    [
      'the scheduler electing',
      {
        as: { user: 'system:kube-scheduler', groups: ['system:authenticated'] },
        path: '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x',
      },
      'system-leader-election',
      'leader-election',
    ],
  ])('%s', async (_who, call, schema, level) => {
    const { headers } = await target.call(call);
    expect([
      headers['x-kubernetes-pf-flowschema-uid'],
      headers['x-kubernetes-pf-prioritylevel-uid'],
    ]).toEqual([await uidOf(schemas, schema), await uidOf(levels, level)]);
  });

  test('objects that are made count at once, and no more once they are gone', async () => {
    await makeLevel('own', { nominalConcurrencyShares: 5, limitResponse: { type: 'Reject' } });
    await makeSchema('own', 'own', 'noxu');
    const ask = async (): Promise<unknown> =>
      (
        await target.call({
          path: '/version',
          as: { user: 'noxu', groups: ['system:authenticated'] },
        })
      ).headers['x-kubernetes-pf-flowschema-uid'];
    expect(await ask()).toBe(await uidOf(schemas, 'own'));
    await expect.poll(() => conditionOf('own')).toBe('False');
    const metrics = (await target.call({ path: '/metrics' })).text;
    expect(metrics).toMatch(
      /apiserver_flowcontrol_nominal_limit_seats\{priority_level="own"\} 12\n/,
    );
    expect(metrics).toMatch(
      /apiserver_flowcontrol_dispatched_requests_total\{flow_schema="own",priority_level="own"\} 1\n/,
    );
    await admin.delete(levels, { name: 'own' });
    await expect.poll(() => conditionOf('own')).toBe('True');
    expect(await ask()).toBe(await uidOf(schemas, 'global-default'));
    await admin.delete(schemas, { name: 'own' });
  });

  test.each([
    ['GET', '/api/v1/namespaces/a/pods/b/log', true],
    ['POST', '/api/v1/namespaces/a/pods/b/exec', true],
    ['GET', '/api/v1/namespaces/a/services/b/proxy/x', true],
    ['GET', '/api/v1/pods?watch=true', false],
    ['PATCH', '/api/v1/namespaces/a/pods/b/status', false],
    ['GET', '/healthz/log', false],
  ])('%s %s lives as long as the client likes: %s', (method, path, long) =>
    expect(isLongRunning(readRequestInfo(method, path))).toBe(long),
  );
});

describe('sending away', () => {
  const as = { user: 'jailed', groups: ['system:authenticated'] };

  test.each([
    [
      'without a queue',
      { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } },
      'concurrency-limit',
    ],
    [
      'after waiting in vain',
      {
        nominalConcurrencyShares: 0,
        borrowingLimitPercent: 0,
        limitResponse: { type: 'Queue', queuing: { queues: 4, handSize: 2, queueLengthLimit: 5 } },
      },
      'time-out',
    ],
  ])('%s', async (_how, limited, reason) => {
    const name = `jail-${reason}`;
    await makeLevel(name, limited);
    await makeSchema(name, name, as.user);
    const answer = await target.call({ path: '/version', as });
    expect([answer.status, answer.headers['retry-after'], answer.text]).toEqual([
      429,
      '1',
      'Too many requests, please try again later.\n',
    ]);
    expect((await target.call({ path: '/metrics' })).text).toContain(
      `apiserver_flowcontrol_rejected_requests_total{flow_schema="${name}",` +
        `priority_level="${name}",reason="${reason}"} 1\n`,
    );
    expect((await target.call({ path: '/version' })).status).toBe(200);
    await admin.delete(schemas, { name });
    await admin.delete(levels, { name });
  });
});

test('an answer that nobody takes keeps its seat, and not forever', async () => {
  const maps = {
    group: '',
    version: 'v1',
    resource: 'configmaps',
    kind: 'ConfigMap',
    namespaced: true,
  };
  for (let i = 0; i < 16; i++)
    await admin.create(maps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `big-${i}`, namespace: 'default' },
      data: { a: 'x'.repeat(1_000_000) },
    });
  const executing = (): number =>
    dev.api.server.flowControl.levels().find((level) => level.name === 'exempt')?.executing ?? 0;
  const socket = await target.rawAsAdmin();
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET /api/v1/configmaps HTTP/1.1\r\nhost: x\r\n\r\n');
  await expect.poll(executing, { interval: 5 }).toBe(1);
  await expect.poll(executing).toBe(0);
  socket.resume();
  await ended;
});

describe("upstream's own objects", () => {
  test('come back, mandatory or suggested', async () => {
    for (const [ref, name] of [
      [schemas, 'catch-all'],
      [levels, 'exempt'],
      [schemas, 'probes'],
      [levels, 'workload-low'],
    ] as const) {
      const uid = await uidOf(ref, name);
      await admin.delete(ref, { name });
      await expect
        .poll(
          async () =>
            (await admin.get<KubeObject>(ref, { name }).catch(() => undefined))?.metadata.uid,
        )
        .not.toBe(undefined);
      expect(await uidOf(ref, name)).not.toBe(uid);
    }
  });

  test('are put right, unless the operator has taken one over', async () => {
    const read = (): Promise<PriorityLevelConfiguration> =>
      admin.get<PriorityLevelConfiguration>(levels, { name: 'workload-high' });
    const shares = async (): Promise<unknown> =>
      (await read()).spec?.limited?.nominalConcurrencyShares;
    const patch = (body: object): Promise<unknown> =>
      admin.patch(levels, { name: 'workload-high' }, { type: 'merge', body });
    await patch({ spec: { limited: { nominalConcurrencyShares: 77 } } });
    await expect.poll(shares).toBe(40);
    await patch({
      metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } },
      spec: { limited: { nominalConcurrencyShares: 78 } },
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await shares()).toBe(78);
  });

  test("shares of the exempt level are the operator's, the annotation is not", async () => {
    await admin.patch(
      levels,
      { name: 'exempt' },
      {
        type: 'merge',
        body: {
          metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } },
          spec: { exempt: { nominalConcurrencyShares: 9 } },
        },
      },
    );
    const read = (): Promise<PriorityLevelConfiguration> =>
      admin.get<PriorityLevelConfiguration>(levels, { name: 'exempt' });
    await expect
      .poll(async () => (await read()).metadata.annotations?.['apf.kubernetes.io/autoupdate-spec'])
      .toBe('true');
    expect((await read()).spec?.exempt?.nominalConcurrencyShares).toBe(9);
  });
});
