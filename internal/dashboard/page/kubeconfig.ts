import { CORE_SCHEMA, load } from 'js-yaml';

interface Named {
  name?: string;
}

interface Kubeconfig {
  'current-context'?: string;
  contexts?: (Named & { context?: { user?: string } })[];
  users?: (Named & {
    user?: { token?: string; 'client-certificate-data'?: string; exec?: object };
  })[];
}

/**
 * The token in what somebody pasted: a kubeconfig's (of its current context), or the text itself.
 * Throws an Error that says what to do when there is none.
 */
export function tokenIn(text: string): string {
  const trimmed = text.trim();
  if (/^[\w.~+/=:-]+$/.test(trimmed)) return trimmed;
  const config = readConfig(trimmed);
  const context = config.contexts?.find(({ name }) => name === config['current-context']);
  const wanted = context?.context?.user;
  const users = config.users ?? [];
  const user = users.find(({ name }) => wanted === undefined || name === wanted)?.user;
  if (user?.token) return user.token;
  if (user?.['client-certificate-data'])
    throw new Error(
      'this kubeconfig holds a client certificate, which a page cannot show to the server: put ' +
        'it into the browser, run "kubectl proxy", or make a token with "kubectl create token"',
    );
  throw new Error(
    user?.exec
      ? 'this kubeconfig runs a program to get its token: run it and paste the token'
      : 'there is no token in this: paste a token, or a kubeconfig that holds one',
  );
}

function readConfig(text: string): Kubeconfig {
  let found: unknown;
  try {
    found = load(text, { schema: CORE_SCHEMA });
  } catch {
    found = undefined;
  }
  if (typeof found !== 'object' || found === null || !('users' in found))
    throw new Error('this is neither a token nor a kubeconfig');
  return found as Kubeconfig;
}
