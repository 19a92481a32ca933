import { createHmac } from 'node:crypto';
import { load } from 'js-yaml';
import { dictOf, listOf, textOf } from '../../api/loose.ts';
import { ConfigError, messageOf } from '../../base/errors.ts';
import type { Dial } from '../../io/dial.ts';
import { certificateFault } from '../../pki/pair-files.ts';
import { sameSecret } from '../../pki/tokens.ts';
import { ask, NoAnswerError, targetOf } from '../ask-server.ts';

const path = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
const op = 'join';

/**
 * The authority of a plain API server, by the ConfigMap `cluster-info` that everybody may read. It
 * is signed with the secret of each bootstrap token, so that the token vouches for it. Undefined:
 * there is no such ConfigMap.
 * https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#configmap-signing
 */
export async function clusterInfo(
  dial: Dial,
  { url, token }: { url: string; token: string },
): Promise<{ ca: string } | undefined> {
  const answer = await ask(dial, url, { ...targetOf(url), tls: { insecure: true } }, path);
  if (answer.status !== 200) return undefined;
  const data = dictOf(dictOf(parsed(answer.body))['data']);
  const [id = '', secret = ''] = token.split('.');
  const text = textOf(data['kubeconfig']);
  if (text === '') return undefined;
  const signature = textOf(data[`jws-kubeconfig-${id}`]);
  if (signature === '')
    // A token that was made a moment ago: its cluster signs by and by.
    throw new NoAnswerError(
      `${url} does not know the bootstrap token ${id}.… (yet): "kubeadm token create" makes one`,
      { op },
    );
  if (!signedWith(secret, { text, signature, id }))
    throw new ConfigError(
      `what ${url} says of its authority is not signed with the bootstrap token ${id}.…`,
      { op, hint: 'is the token whole, and is this the server that it is for?' },
    );
  return { ca: authorityIn(text, url) };
}

/** A compact JWS whose middle is left out: HMAC-SHA256 by the secret over header and text. */
export function signedWith(
  secret: string,
  { text, signature, id }: { text: string; signature: string; id: string },
): boolean {
  const [header = '', middle, mac = '', more] = signature.split('.');
  if (middle !== '' || more !== undefined || secret === '') return false;
  const told = dictOf(parsed(Buffer.from(header, 'base64url').toString()));
  if (told['alg'] !== 'HS256' || told['kid'] !== id) return false;
  const body = `${header}.${Buffer.from(text).toString('base64url')}`;
  return sameSecret(createHmac('sha256', secret).update(body).digest('base64url'), mac);
}

function authorityIn(text: string, url: string): string {
  let all: unknown;
  try {
    all = load(text);
  } catch (cause) {
    throw new ConfigError(`cluster-info of ${url}: ${messageOf(cause).split('\n')[0]}`, {
      op,
      cause,
    });
  }
  const [first] = listOf(dictOf(all)['clusters']);
  const data = textOf(dictOf(dictOf(first)['cluster'])['certificate-authority-data']);
  const ca = Buffer.from(data, 'base64').toString();
  const fault = certificateFault(ca);
  if (fault === undefined) return ca;
  throw new ConfigError(`cluster-info of ${url} names no authority: its certificate ${fault}`, {
    op,
    hint: 'give --kubeconfig instead',
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
