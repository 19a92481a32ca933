import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { keyOf } from '../../store/store.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { namespaces, pods, ref, said, startWithAdmin } from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

/** Labels a namespace and returns the warnings of the answer. */
function label(server: DevServer, name: string, labels: object): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: 'Bearer oracle',
      'content-type': 'application/merge-patch+json',
    };
    const out = request(
      `${server.url}/api/v1/namespaces/${name}`,
      { method: 'PATCH', ca: server.ca.cert, agent: false, headers },
      (answer) => {
        const lines = answer.rawHeaders.filter(
          (_, i) => i % 2 === 1 && answer.rawHeaders[i - 1]?.toLowerCase() === 'warning',
        );
        answer
          .resume()
          .on('end', () =>
            resolve(lines.map((line) => JSON.parse(line.replace(/^299 - /, '')) as string)),
          );
      },
    );
    out.on('error', reject);
    out.end(JSON.stringify({ metadata: { labels } }));
  });
}

describe('Pod Security', () => {
  const standard = (mode: string): string => `pod-security.kubernetes.io/${mode}`;

  test('labels that mean nothing are refused, unless they are old', async () => {
    const wrong = { [standard('enforce')]: 'Restricted', [standard('warn-version')]: 'v2' };
    expect(
      await said(admin.create(namespaces, { metadata: { name: 'typo', labels: wrong } })),
    ).toBe(
      `422 Namespace "typo" is invalid: [metadata.labels[${standard('enforce')}]: Invalid ` +
        'value: "Restricted": must be one of privileged, baseline, restricted, ' +
        `metadata.labels[${standard('warn-version')}]: Invalid value: "v2": must be "latest" ` +
        'or "v1.x"]',
    );
  });

  test('a namespace that gets stricter tells which pods do not fit', async () => {
    await admin.create(namespaces, { metadata: { name: 'w' } });
    await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
      metadata: { name: 'default', namespace: 'w' },
    });
    const make = (name: string, spec: object): Promise<unknown> =>
      admin.create(pods, {
        metadata: { name, namespace: 'w' },
        spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
      });
    for (const name of ['p1', 'p2', 'p3']) await make(name, { hostNetwork: true });
    for (const name of ['a2', 'a1'])
      await make(name, {
        containers: [{ name: 'c', image: 'x', securityContext: { privileged: true } }],
      });
    await make('r', {});
    const strict =
      'allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, ' +
      'seccompProfile';
    const warned = (level: string, ...lines: string[]): string[] => [
      `existing pods in namespace "w" violate the new PodSecurity enforce level "${level}"`,
      ...lines,
    ];
    const baseline = ['a1 (and 1 other pod): privileged', 'p1 (and 2 other pods): host namespaces'];
    expect(await label(dev, 'w', { [standard('warn')]: 'restricted' })).toEqual([]);
    expect(await label(dev, 'w', { [standard('enforce')]: 'baseline' })).toEqual(
      warned('baseline:latest', ...baseline),
    );
    expect(await label(dev, 'w', { other: 'label' })).toEqual([]);
    expect(await label(dev, 'w', { [standard('enforce')]: 'restricted' })).toEqual(
      warned(
        'restricted:latest',
        `a1 (and 1 other pod): privileged, ${strict}`,
        `p1 (and 2 other pods): host namespaces, ${strict}`,
        `r: ${strict}`,
      ),
    );
    expect(await label(dev, 'w', { [standard('enforce')]: 'baseline' })).toEqual([]);
    expect(await label(dev, 'w', { [standard('enforce-version')]: 'v1.30' })).toEqual(
      warned('baseline:v1.30', ...baseline),
    );
    expect(await label(dev, 'w', { [standard('enforce')]: 'privileged' })).toEqual([]);
  });

  test('no more pods are looked at than upstream does', async () => {
    await admin.create(namespaces, { metadata: { name: 'crowd' } });
    const { namespace, ...pod } = {
      ...(await admin.get<KubeObject>(pods, { name: 'p1', namespace: 'w' })),
      namespace: 'crowd',
    };
    for (let i = 0; i < 3001; i += 100) {
      await Promise.all(
        Array.from({ length: Math.min(100, 3001 - i) }, (_, j) =>
          dev.store.put({
            key: keyOf(`/registry/pods/${namespace}/p${i + j}`),
            value: Buffer.from(
              JSON.stringify({
                ...pod,
                metadata: { ...pod.metadata, name: `p${i + j}`, namespace },
              }),
            ),
          }),
        ),
      );
    }
    const [bound, ...rest] = await label(dev, 'crowd', { [standard('enforce')]: 'baseline' });
    expect(bound).toMatch(
      /^new PodSecurity enforce level only checked against the first (3000|[12]?\d{1,3}) of 3001 existing pods$/,
    );
    expect(rest).toHaveLength(2);
  });

  test('what everybody is asked for comes before what the level adds', async () => {
    const order = async (version: string, spec: object): Promise<string[]> => {
      const name = `o-${version.replace('.', '-')}`;
      if ((await said(admin.get(namespaces, { name }))) !== 'done') {
        await admin.create(namespaces, {
          metadata: {
            name,
            labels: { [standard('enforce')]: 'restricted', [standard('enforce-version')]: version },
          },
        });
        await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
          metadata: { name: 'default', namespace: name },
        });
      }
      const text = await said(
        admin.create(pods, { metadata: { name: 'p', namespace: name }, spec }),
      );
      return text
        .replace(/^.*?": /, '')
        .replace(/ \(.*?\)(?=, |$)/g, '')
        .split(', ');
    };
    const everything = {
      hostNetwork: true,
      securityContext: {
        runAsNonRoot: false,
        runAsUser: 0,
        seccompProfile: { type: 'Unconfined' },
        seLinuxOptions: { type: 'spc_t' },
        sysctls: [{ name: 'kernel.msgmax', value: '1' }],
        windowsOptions: { hostProcess: true },
      },
      volumes: [{ name: 'v', hostPath: { path: '/' } }],
      containers: [
        {
          name: 'c',
          image: 'x',
          ports: [{ containerPort: 1, hostPort: 1 }],
          securityContext: { privileged: true },
        },
      ],
    };
    expect(await order('latest', everything)).toEqual([
      'host namespaces',
      'hostPort',
      'privileged',
      'seLinuxOptions',
      'forbidden sysctls',
      'hostProcess',
      'allowPrivilegeEscalation != false',
      'unrestricted capabilities',
      'restricted volume types',
      'runAsNonRoot != true',
      'runAsUser=0',
      'seccompProfile',
    ]);
    const unmasked = {
      hostUsers: false,
      containers: [{ name: 'c', image: 'x', securityContext: { procMount: 'Unmasked' } }],
    };
    expect((await order('v1.34', unmasked)).slice(0, 3)).toEqual([
      'procMount',
      'allowPrivilegeEscalation != false',
      'unrestricted capabilities',
    ]);
    expect((await order('latest', unmasked)).slice(0, 3)).toEqual([
      'allowPrivilegeEscalation != false',
      'unrestricted capabilities',
      'procMount',
    ]);
  });

  test('a version of the standard has the checks of its time', async () => {
    const container = {
      name: 'c',
      image: 'x',
      securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true },
    };
    const answers: string[] = [];
    for (const version of ['v1.18', 'v1.19', 'v1.22', 'latest']) {
      const name = version.replace('.', '-');
      await admin.create(namespaces, {
        metadata: {
          name,
          labels: { [standard('enforce')]: 'restricted', [standard('enforce-version')]: version },
        },
      });
      await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
        metadata: { name: 'default', namespace: name },
      });
      answers.push(
        await said(
          admin.create(pods, {
            metadata: { name: 'p', namespace: name },
            spec: { containers: [container] },
          }),
        ),
      );
    }
    const seccomp =
      'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to ' +
      '"RuntimeDefault" or "Localhost")';
    const capabilities =
      'unrestricted capabilities (container "c" must set ' +
      'securityContext.capabilities.drop=["ALL"])';
    const refused = (version: string, what: string): string =>
      `403 pods "p" is forbidden: violates PodSecurity "restricted:${version}": ${what}`;
    expect(answers).toEqual([
      'done',
      refused('v1.19', seccomp),
      refused('v1.22', `${capabilities}, ${seccomp}`),
      refused('latest', `${capabilities}, ${seccomp}`),
    ]);
  });
});
