import type { Secret, ServiceAccount } from '../../api/generated/types/core-v1.ts';
import { splitKey } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { startLoop } from '../run.ts';

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

  const issue = async (account: ServiceAccount, secret: Secret): Promise<string> => {
    const { namespace = '', name: accountName = '', uid = '' } = account.metadata;
    if (ctx.issueServiceAccountToken) {
      return ctx.issueServiceAccountToken({
        namespace,
        name: accountName,
        uid,
        secretName: secret.metadata.name!,
        secretUid: secret.metadata.uid!,
      });
    }
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: longestLifeSeconds },
    };
    const answer = await client.create<{ status: { token: string } }>(
      refs.serviceAccounts,
      request,
      { namespace, name: accountName, subresource: 'token' },
    );
    return answer.status.token;
  };

  const reconcile = async (key: string): Promise<void> => {
    const secret = secrets.get(key);
    if (!secret || secret.type !== tokenType || secret.metadata.deletionTimestamp) return;
    const account = accounts.get(accountKey(secret));
    const wantedUid = secret.metadata.annotations?.[uidAnnotation];
    if (!account || (wantedUid && wantedUid !== account.metadata.uid)) return removeOrphan(secret);
    if (secret.data?.['token'] && secret.data['ca.crt'] && secret.data['namespace'] && wantedUid)
      return;
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const data = {
      ...secret.data,
      'ca.crt': base64(ctx.rootCa),
      namespace: base64(secret.metadata.namespace ?? ''),
      token: secret.data?.['token'] || base64(await issue(account, secret)),
    };
    const annotations = { ...secret.metadata.annotations, [uidAnnotation]: account.metadata.uid! };
    await client
      .update(refs.secrets, { ...secret, metadata: { ...secret.metadata, annotations }, data })
      .catch(ignoreMissing);
  };

  /** The mirror of accounts may lag behind a Secret that was made right after its account. */
  const removeOrphan = async (secret: Secret): Promise<void> => {
    const { namespace, name: secretName, uid } = secret.metadata;
    const present = await client
      .get<ServiceAccount>(refs.serviceAccounts, splitKey(accountKey(secret)))
      .catch(ignoreMissing);
    const wantedUid = secret.metadata.annotations?.[uidAnnotation];
    if (present && (!wantedUid || present.metadata.uid === wantedUid)) return;
    await client
      .delete(refs.secrets, { namespace, name: secretName! }, { preconditions: { uid } })
      .catch(ignoreMissing);
  };

  return startLoop(ctx, { name, reconcile, mirrors: [accounts, secrets] }, (queue) => {
    secrets.onChange(({ type, key, object }) => {
      if (type !== 'DELETED' && object.type === tokenType) queue.add(key);
    });
    accounts.onChange(({ key }) => {
      for (const secret of secrets.byIndex('tokenOf', key))
        queue.add(`${secret.metadata.namespace}/${secret.metadata.name}`);
    });
  });
}

function accountKey(secret: Secret): string {
  return `${secret.metadata.namespace}/${secret.metadata.annotations?.[nameAnnotation] ?? ''}`;
}

function ignoreMissing(error: unknown): undefined {
  if (!isApiError(error, 'NotFound')) throw error;
  return undefined;
}
