import { expect, it } from 'vitest';
import { tokenIn } from './kubeconfig.ts';
import { rightsOf } from './session.ts';

it('offers what the rules let one do, and no more', () => {
  const rights = rightsOf(
    [
      { verbs: ['list', 'get'], apiGroups: [''], resources: ['pods', 'pods/log'] },
      { verbs: ['*'], apiGroups: ['apps'], resources: ['*/scale'] },
    ],
    false,
  );
  expect(rights.may('list', '', 'pods')).toBe(true);
  expect(rights.may('get', '', 'pods/log')).toBe(true);
  expect(rights.may('create', '', 'pods/exec')).toBe(false);
  expect(rights.may('list', 'apps', 'pods')).toBe(false);
  expect(rights.may('patch', 'apps', 'deployments/scale')).toBe(true);
  expect(rights.may('patch', 'apps', 'deployments')).toBe(false);
  expect(rightsOf([], true).may('list', '', 'nodes')).toBe(true);
  const all = rightsOf([{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }], false);
  expect(all.may('create', '', 'pods/exec')).toBe(true);
});

const config = (user: string): string => `
apiVersion: v1
kind: Config
current-context: b
contexts:
- {name: a, context: {cluster: c, user: other}}
- {name: b, context: {cluster: c, user: mine}}
users:
- {name: other, user: {token: wrong}}
- name: mine
  user: ${user}
`;

it('finds the token in what was pasted', () => {
  expect(tokenIn('  eyJ.a-b_c.d \n')).toBe('eyJ.a-b_c.d');
  expect(tokenIn(config('{token: right}'))).toBe('right');
  expect(() => tokenIn(config('{client-certificate-data: xx}'))).toThrow(/kubectl proxy/);
  expect(() => tokenIn(config('{exec: {command: x}}'))).toThrow(/runs a program/);
  expect(() => tokenIn(config('{}'))).toThrow(/there is no token/);
  expect(() => tokenIn('{ not yaml')).toThrow(/neither a token/);
  expect(() => tokenIn('two words')).toThrow(/neither a token/);
});
