import type { ServerAnswer } from '../../io/https-server.ts';
import type { OrderedUpgrades } from '../options.ts';
import { sayJson, sayText } from './answer.ts';

/**
 * /upgrade: how far an upgrade of this machine is (GET); one is ordered
 * (POST ?version=...&signature=...), by nobody but a server, whose signature counts.
 */
export async function serveUpgrades(
  upgrades: OrderedUpgrades | undefined,
  { method, query }: { method: string; query: URLSearchParams },
  answer: ServerAnswer,
): Promise<void> {
  if (!upgrades) return sayText(answer, 404, 'no server upgrades this machine\n');
  if (method === 'GET') return sayJson(answer, await upgrades.report());
  const version = query.get('version') ?? '';
  const said = await upgrades.order({ version, signature: query.get('signature') ?? '' });
  sayText(answer, said.status, said.text);
}
