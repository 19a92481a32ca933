import { adminPolicyRefs } from '../api/networking/admin-policy.ts';
import type { Client } from '../client/client.ts';
import type { Doors } from './doors.ts';
import type { Part } from './running.ts';
import { ensureDefinitions, untilWritten } from './shipped-definitions.ts';

/** Makes the definitions of AdminNetworkPolicies and of the baseline. */
export function startAdminPolicyKinds(
  client: Client,
  { clock, log }: Pick<Doors, 'clock' | 'log'>,
): Part {
  const end = new AbortController();
  const making = untilWritten({
    what: 'the definitions of admin network policies',
    work: () =>
      ensureDefinitions(client, 'admin-policy-kinds.json.gz', Object.values(adminPolicyRefs)),
    clock,
    log: log.named('kinds'),
    signal: end.signal,
  });
  return {
    name: 'admin policy kinds',
    stop: async () => {
      end.abort();
      await making;
    },
  };
}
