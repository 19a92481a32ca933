import type { Namespace, ServiceAccount } from '../../api/generated/types/core-v1.ts';
import { splitKey } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, type Plan } from '../kit/write.ts';

const name = 'service-account-controller';

/** Every active namespace has a service account `default`. */
export function startServiceAccountController(ctx: ControllerContext): Controller {
  const namespaces = ctx.mirrors.of<Namespace>(refs.namespaces);
  const accounts = ctx.mirrors.of<ServiceAccount>(refs.serviceAccounts);
  return startPlanned<AccountView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.namespaces, mirror: namespaces },
        { ref: refs.serviceAccounts, mirror: accounts },
      ],
      view: (key) => {
        const namespace = namespaces.get(key);
        return namespace && { namespace, present: accounts.get(`${key}/default`) };
      },
      plan: planDefaultAccount,
    },
    (queue) => {
      namespaces.onChange(({ type, key }) => {
        if (type !== 'DELETED') queue.add(key);
      });
      accounts.onChange(({ type, key }) => {
        const account = splitKey(key);
        if (type === 'DELETED' && account.name === 'default') queue.add(account.namespace);
      });
    },
  );
}

interface AccountView {
  namespace: Namespace;
  present: ServiceAccount | undefined;
}

function planDefaultAccount({ namespace, present }: AccountView): Plan {
  const { metadata, status } = namespace;
  if (present || status?.phase === 'Terminating' || metadata.deletionTimestamp) return nothing;
  const object = { metadata: { name: 'default', namespace: metadata.name } };
  return {
    steps: [
      {
        verb: 'create',
        ref: refs.serviceAccounts,
        object,
        forgives: ['AlreadyExists', 'NotFound'],
      },
    ],
  };
}
