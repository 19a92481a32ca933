import type { Namespace, ServiceAccount } from '../../api/generated/types/core-v1.ts';
import { splitKey } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError, isNamespaceTerminating } from '../owners.ts';
import { startLoop } from '../run.ts';

const name = 'service-account-controller';

/** Every active namespace has a service account `default`. */
export function startServiceAccountController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const namespaces = ctx.mirrors.of<Namespace>(refs.namespaces);
  const accounts = ctx.mirrors.of<ServiceAccount>(refs.serviceAccounts);
  const reconcile = async (namespace: string): Promise<void> => {
    const present = namespaces.get(namespace);
    if (!present || present.status?.phase === 'Terminating' || present.metadata.deletionTimestamp)
      return;
    if (accounts.get(`${namespace}/default`)) return;
    await client
      .create(refs.serviceAccounts, { metadata: { name: 'default', namespace } })
      .catch((error: unknown) => {
        if (!isApiError(error, 'AlreadyExists', 'NotFound') && !isNamespaceTerminating(error))
          throw error;
      });
  };
  return startLoop(ctx, { name, reconcile, mirrors: [namespaces, accounts] }, (queue) => {
    namespaces.onChange(({ type, key }) => {
      if (type !== 'DELETED') queue.add(key);
    });
    accounts.onChange(({ type, key }) => {
      const account = splitKey(key);
      if (type === 'DELETED' && account.name === 'default') queue.add(account.namespace);
    });
  });
}
