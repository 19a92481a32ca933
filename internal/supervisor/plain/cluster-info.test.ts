import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../../apiserver/dev.ts';
import { realDial } from '../../io/dial.ts';
import { httpClient } from '../../client/http.ts';
import { refs } from '../../client/refs.ts';
import { clusterInfo, signedWith } from './cluster-info.ts';

const [id, secret] = ['abcdef', '0123456789abcdef'];
const token = `${id}.${secret}`;

/** As kubeadm's token signer writes it. */
function jws(text: string, by = secret, header: object = { alg: 'HS256', kid: id }): string {
  const head = Buffer.from(JSON.stringify(header)).toString('base64url');
  const body = `${head}.${Buffer.from(text).toString('base64url')}`;
  return `${head}..${createHmac('sha256', by).update(body).digest('base64url')}`;
}

describe('the signature of cluster-info', () => {
  test.each([
    ['right', jws('text'), true],
    ['of another token', jws('text', 'another'), false],
    ['of another text', jws('other'), false],
    ['of another id', jws('text', secret, { alg: 'HS256', kid: 'zzzzzz' }), false],
    ['by no algorithm', jws('text', secret, { alg: 'none', kid: id }), false],
    ['with its text in it', jws('text').replace('..', '.dGV4dA.'), false],
    ['no signature', 'x', false],
    ['empty', '', false],
  ])('%s', (_what, signature, good) => {
    expect(signedWith(secret, { text: 'text', signature, id })).toBe(good);
    expect(signedWith('', { text: 'text', signature: jws('text', ''), id })).toBe(false);
  });
});

describe('a plain API server', () => {
  let dev: DevServer;
  afterEach(() => dev.api.close());

  test('is believed by the token alone', async () => {
    dev = await startDevServer();
    const client = httpClient({ server: dev.url, ca: dev.ca.cert, ...dev.admin });
    const ask = () => clusterInfo(realDial, { url: dev.url, token });
    expect(await ask()).toBeUndefined(); // nobody may read it yet
    const namespace = 'kube-public';
    const rbac = (resource: string, kind: string) => ({
      group: 'rbac.authorization.k8s.io',
      version: 'v1',
      resource,
      kind,
      namespaced: true,
    });
    const name = 'cluster-info';
    await client.create(refs.namespaces, { metadata: { name: namespace } }).catch(() => undefined);
    await client.create(rbac('roles', 'Role'), {
      metadata: { name, namespace },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }],
    });
    await client.create(rbac('rolebindings', 'RoleBinding'), {
      metadata: { name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:anonymous' }],
    });
    expect(await ask()).toBeUndefined();
    const data = Buffer.from(dev.ca.cert).toString('base64');
    const kubeconfig = `clusters: [{name: "", cluster: {certificate-authority-data: ${data}}}]\n`;
    const put = (more: object): Promise<unknown> =>
      client.patch(
        refs.configMaps,
        { namespace, name },
        { type: 'merge', body: { data: { kubeconfig, ...more } } },
      );
    await client.create(refs.configMaps, { metadata: { name, namespace }, data: { kubeconfig } });
    await expect(ask()).rejects.toThrow(/does not know the bootstrap token abcdef/);
    await put({ [`jws-kubeconfig-${id}`]: jws(kubeconfig, 'wrong') });
    await expect(ask()).rejects.toThrow(/not signed with the bootstrap token/);
    await put({ [`jws-kubeconfig-${id}`]: jws(kubeconfig) });
    expect(await ask()).toEqual({ ca: dev.ca.cert });
    client.close();
  });
});
