import { each, type Attack } from '../attack.ts';
import { at, type Target } from '../target.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const victim = 'attack-prototypes';

/** Names that every object of JavaScript answers to are names like any other. */
const names = {
  constructor: 'constructor',
  'to-string': 'toString',
  'value-of': 'valueOf',
  proto: '__proto__',
  'has-own': 'hasOwnProperty',
};

function gone(target: Target): void {
  target.later(() => target.call({ method: 'DELETE', path: `${configMaps}/${victim}` }));
}

export const attacks: Attack[] = [
  ...each('prototype-health-check', names, async (target, name) => {
    const { status } = await target.call({ path: `/healthz/${name}` });
    return status === 404 ? undefined : `GET /healthz/${name} answers ${status}`;
  }),
  ...each(
    'prototype-path',
    {
      resource: '/api/v1/constructor',
      group: '/apis/constructor/v1',
      version: '/apis/apps/constructor',
      openapi: '/openapi/v3/constructor',
      component: '/api/v1/componentstatuses/constructor',
      subresource: '/api/v1/namespaces/default/pods/x/constructor',
      query: '/api/v1/pods?constructor=1&__proto__=1',
    },
    async (target, path) => {
      const { status } = await target.call({ path });
      return status < 500 ? undefined : `GET ${path} answers ${status}`;
    },
  ),
  ...each('prototype-key', names, async (target, name) => {
    gone(target);
    const made = await target.call({
      method: 'POST',
      path: `${configMaps}?fieldValidation=Strict`,
      body:
        `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${victim}"},` +
        `"data":{${JSON.stringify(name)}:"a"}}`,
    });
    if (made.status !== 201)
      return `a ConfigMap with the key ${name} answers ${made.status}: ${made.text.slice(0, 200)}`;
    const back = await target.call({ path: `${configMaps}/${victim}` });
    return back.text.includes(`"data":{${JSON.stringify(name)}:"a"}`)
      ? undefined
      : `the key ${name} is gone: ${back.text.slice(0, 300)}`;
  }),
  ...each(
    'prototype-label',
    { constructor: 'constructor', 'to-string': 'toString', 'has-own': 'hasOwnProperty' },
    async (target, name) => {
      await target.make(configMaps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: victim, labels: { [name]: 'a' } },
      });
      await target.make(configMaps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `${victim}-without` },
      });
      const found = await target.must('GET', `${configMaps}?labelSelector=${name}`);
      const held = (at(found, 'items') as unknown[]).map((item) =>
        String(at(item, 'metadata', 'name')),
      );
      return held.join() === victim ? undefined : `the selector ${name} finds ${held.join()}`;
    },
  ),
  ...each('prototype-owner', names, async (target, name) => {
    // Who owns a field of such a name must be known, or another's apply takes it without a
    // conflict.
    if (name === '__proto__') return undefined;
    const apply = (manager: string, value: string) =>
      target.call({
        method: 'PATCH',
        path: `${configMaps}/${victim}?fieldManager=${manager}`,
        type: 'application/apply-patch+yaml',
        body: JSON.stringify({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: victim },
          data: { [name]: value },
        }),
      });
    gone(target);
    const first = await apply('one', 'a');
    if (first.status !== 201) return `apply answers ${first.status}: ${first.text.slice(0, 200)}`;
    const { status } = await apply('two', 'b');
    return status === 409 ? undefined : `another's apply of ${name} answers ${status}`;
  }),
];
