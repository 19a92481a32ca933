import type { Secret, ServiceAccount } from '../../api/generated/types/core-v1.ts';
import { splitKey } from '../../api/object.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import type { Plan } from '../kit/write.ts';
import { isApiError } from '../owners.ts';

const name = 'tokens-controller';
const tokenType = 'kubernetes.io/service-account-token';
const nameAnnotation = 'kubernetes.io/service-account.name';
const uidAnnotation = 'kubernetes.io/service-account.uid';
/** The longest life that can be asked for, where no token without an end can be issued. */
const longestLifeSeconds = 2 ** 32;

/** Fills Secrets that ask for the token of a service account, and deletes them with the account. */
export function startServiceAccountTokenController(ctx: ControllerContext): Controller {
  const client = ctx.managerClient;
  const accounts = ctx.mirrors.of<ServiceAccount>(refs.serviceAccounts);
  const secrets = ctx.mirrors.of<Secret>(refs.secrets, {
    indexes: { tokenOf: (s) => (s.type === tokenType ? [accountKey(s)] : []) },
  });
  return startPlanned<TokenView>(
    ctx,
    {
      ...{ name, client },
      mirrors: [
        { ref: refs.serviceAccounts, mirror: accounts },
        { ref: refs.secrets, mirror: secrets },
      ],
      view: async (key) => {
        const secret = secrets.get(key);
        if (!secret || secret.type !== tokenType || secret.metadata.deletionTimestamp)
          return undefined;
        // The mirror of accounts may lag behind a Secret that was made right after its account.
        const seen = accounts.get(accountKey(secret));
        const account = seen && isOf(secret, seen) ? seen : await present(client, secret);
        if (!account || !isOf(secret, account)) return { secret, account: undefined };
        if (isWhole(secret)) return undefined;
        const token = secret.data?.['token'] ? undefined : await issue(ctx, account, secret);
        return { secret, account, token, rootCa: ctx.rootCa };
      },
      plan: planToken,
    },
    (queue) => {
      secrets.onChange(({ type, key, object }) => {
        if (type !== 'DELETED' && object.type === tokenType) queue.add(key);
      });
      accounts.onChange(({ key }) => {
        for (const secret of secrets.byIndex('tokenOf', key))
          queue.add(`${secret.metadata.namespace}/${secret.metadata.name}`);
      });
    },
  );
}

interface TokenView {
  secret: Secret;
  /** Undefined: there is none, and the Secret is of no use. */
  account: ServiceAccount | undefined;
  /** A new one, where the Secret has none. */
  token?: string | undefined;
  rootCa?: string;
}

function planToken({ secret, account, token = '', rootCa = '' }: TokenView): Plan {
  const { uid, namespace = '' } = secret.metadata;
  if (!account) {
    const options = { preconditions: { uid } };
    return { steps: [{ verb: 'delete', ref: refs.secrets, object: secret, options }] };
  }
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const data = {
    ...secret.data,
    'ca.crt': base64(rootCa),
    namespace: base64(namespace),
    token: secret.data?.['token'] || base64(token),
  };
  const annotations = { ...secret.metadata.annotations, [uidAnnotation]: account.metadata.uid! };
  const object = { ...secret, metadata: { ...secret.metadata, annotations }, data };
  return { steps: [{ verb: 'update', ref: refs.secrets, object }] };
}

function isOf(secret: Secret, account: ServiceAccount): boolean {
  const wanted = secret.metadata.annotations?.[uidAnnotation];
  return !wanted || wanted === account.metadata.uid;
}

const isWhole = ({ data, metadata }: Secret): boolean =>
  Boolean(
    data?.['token'] && data['ca.crt'] && data['namespace'] && metadata.annotations?.[uidAnnotation],
  );

/** The account of a Secret as the server has it now. */
async function present(client: Client, secret: Secret): Promise<ServiceAccount | undefined> {
  return client
    .get<ServiceAccount>(refs.serviceAccounts, splitKey(accountKey(secret)))
    .catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
      return undefined;
    });
}

async function issue(
  { issueServiceAccountToken, managerClient }: ControllerContext,
  account: ServiceAccount,
  secret: Secret,
): Promise<string> {
  const { namespace = '', name: accountName = '', uid = '' } = account.metadata;
  const { name: secretName = '', uid: secretUid = '' } = secret.metadata;
  if (issueServiceAccountToken)
    return issueServiceAccountToken({ namespace, name: accountName, uid, secretName, secretUid });
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: longestLifeSeconds },
  };
  const target = { namespace, name: accountName, subresource: 'token' };
  const answer = await managerClient.create<{ status: { token: string } }>(
    refs.serviceAccounts,
    request,
    target,
  );
  return answer.status.token;
}

function accountKey(secret: Secret): string {
  return `${secret.metadata.namespace}/${secret.metadata.annotations?.[nameAnnotation] ?? ''}`;
}
