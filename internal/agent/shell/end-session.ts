import type { Clock } from '../../io/clock.ts';
import type { Processes } from '../../io/processes.ts';

const op = 'shell.end';
/** Long enough for a shell to write its history. */
const graceMs = 3_000;

/**
 * Ends every process of a session: told first, killed then. Its number cannot become another's as
 * long as one of them lives.
 */
export async function endSession(
  { processes, clock }: { processes: Processes; clock: Clock },
  session: number,
): Promise<void> {
  const tell = async (...signals: NodeJS.Signals[]): Promise<number> => {
    const members = (await processes.list(op)).filter((one) => one.session === session);
    for (const { pid } of members) for (const signal of signals) processes.kill(op, pid, signal);
    return members.length;
  };
  // A stopped process receives nothing until it continues.
  if ((await tell('SIGHUP', 'SIGCONT')) === 0) return;
  await clock.sleep(op, graceMs);
  await tell('SIGKILL');
}
