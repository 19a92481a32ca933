import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { messageOf } from '../../base/errors.ts';
import { containerdCodec, type TaskExit } from '../../wire/cri/cri.ts';
import type { ContainerdClient } from '../cri/client.ts';

const firstRetryMs = 50;
const longestRetryMs = 2000;

export interface TaskEventHandlers {
  /** The first process of a container or sandbox ended. */
  exited(containerId: string): void;
  /** The stream stands (again): whatever happened meanwhile was missed. */
  connected(): void;
  /** The stream broke: perhaps containerd is gone. */
  lost(): void;
}

/** Follows containerd's events until stopped, over its restarts. */
export function followTasks(
  containerd: ContainerdClient,
  clock: Clock,
  log: Log,
  on: TaskEventHandlers,
): () => void {
  let stopped = false;
  let timer: Timer | undefined;
  let end: () => void = () => undefined;
  let retryMs = firstRetryMs;
  const connect = (): void => {
    end = containerd.subscribe({
      data: ({ topic, event }) => {
        retryMs = firstRetryMs;
        if (topic !== '/tasks/exit' || !event) return;
        const exit = containerdCodec.decode<TaskExit>('TaskExit', event.value);
        if (exit.id === exit.containerId) on.exited(exit.containerId); // else an exec ended
      },
      ended: (error) => {
        if (stopped) return;
        log.debug('containerd event stream ended', { error: messageOf(error) });
        on.lost();
        timer = clock.after('containerd.events', retryMs, connect);
        retryMs = Math.min(longestRetryMs, retryMs * 2);
      },
    });
    on.connected();
  };
  connect();
  return () => {
    stopped = true;
    timer?.cancel();
    end();
  };
}
