import { ConfigError } from '../base/errors.ts';
import type { Node } from '../api/generated/types/core-v1.ts';
import { refs } from '../client/refs.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { clientOf } from './kube-client.ts';

const asksEveryMs = 100;

/** Waits until the API answers and a node is Ready, with one line for each step that is reached. */
export async function waitReady(options: { timeout: string; kubeconfig: string }): Promise<void> {
  const end = realClock.monotonicMs() + Number(options.timeout) * 1000;
  const started = realClock.monotonicMs();
  const say = (text: string): void => void process.stdout.write(`[skiff] ${((realClock.monotonicMs() - started) / 1000).toFixed(1).padStart(5)} s  ${text}\n`);
  const reached = async (what: string, ask: () => Promise<string | undefined>): Promise<void> => {
    let last = 'no answer yet';
    while (realClock.monotonicMs() < end) {
      const answer = await ask().catch((error: unknown) => void (last = error instanceof Error ? error.message : String(error)));
      if (answer !== undefined) return say(answer);
      await realClock.sleep('wait', asksEveryMs);
    }
      throw new ConfigError(`${what}: not reached in ${options.timeout} s: ${last}`, { op: 'wait', hint: 'look into the log of the service' });
  };
  await reached('kubeconfig', async () => ((await realDisk.stat('wait', options.kubeconfig)) ? 'the server has its certificates' : undefined));
  const client = await clientOf(options.kubeconfig);
  await reached('API', async () => ((await client.raw({ method: 'GET', path: '/readyz' })).status === 200 ? 'the API server answers' : undefined));
  await reached('node', async () => {
    const { items } = await client.list<Node>(refs.nodes);
    const ready = items.find((node) => node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'));
    return ready && `node ${ready.metadata.name} is Ready`;
  });
  client.close();
}
