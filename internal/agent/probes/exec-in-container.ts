import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Runtime } from '../cri/client.ts';
import type { ProbeDoors } from './run-probe.ts';

/** So much later than the command's own limit the runtime's health is looked at. */
const lateMs = 5_000;
/**
 * The kubelet's runtime-request-timeout, beyond the command's own limit: containerd ends a command
 * in time and answers when nobody holds its output any more, a child that it left behind included.
 */
const givenUpMs = 120_000;
/** containerd ends a probe by its own clock, a moment before or after ours. */
const clockSlackMs = 100;
/** What an exec probe says is shown in events: the kubelet keeps this much. */
const longestOutputBytes = 10 * 1024;

/** Runs the commands of probes. */
export function execInContainer(o: {
  clock: Clock;
  cri: Pick<Runtime['cri'], 'execSync'>;
  health: { check(): void };
}): ProbeDoors['exec'] {
  const { clock, cri, health } = o;
  return async (containerId, cmd, timeout) => {
    const timeoutMs = timeout > 0 ? timeout * 1000 + givenUpMs : 0;
    const askedMs = clock.monotonicMs();
    const late =
      timeout > 0
        ? clock.after('probe.exec', timeout * 1000 + lateMs, () => health.check())
        : undefined;
    try {
      const done = await cri.execSync({ containerId, cmd, timeout }, { timeoutMs });
      return {
        exitCode: done.exitCode,
        output: Buffer.concat([done.stdout, done.stderr])
          .subarray(0, longestOutputBytes)
          .toString(),
      };
    } catch (error) {
      // The runtime ends a command in its time; when it is we who gave up, nothing is known of the
      // container.
      const silent = timeoutMs > 0 && clock.monotonicMs() - askedMs >= timeoutMs - clockSlackMs;
      throw silent ? new Error(`the container runtime did not answer: ${messageOf(error)}`) : error;
    } finally {
      late?.cancel();
    }
  };
}
