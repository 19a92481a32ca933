import { expect, it } from 'vitest';
import type { Finished } from '../io/spawn.ts';
import { raiseLimits, type LimitDoors } from './process-limits.ts';

/**
 * A process with these limits of open files, that may raise the hard one or not, in a group with a
 * limit of processes.
 */
async function start(o: {
  soft: number;
  hard: number;
  mayRaise: boolean;
  pidsMax?: string;
  cgroup?: string;
  inotify?: string;
}) {
  let [soft, hard] = [o.soft, o.hard];
  const said: object[] = [];
  const files: Record<string, () => string> = {
    '/proc/self/limits': () =>
      'Limit                     Soft Limit           Hard Limit           Units\nMax ' +
      'processes             unlimited            unlimited            processes\nMax open ' +
      `files            ${soft}               ${hard}               files\n`,
    '/proc/self/cgroup': () => o.cgroup ?? '4:pids:/system.slice/x\n0::/y\n',
    '/sys/fs/cgroup/pids/system.slice/x/pids.max': () => o.pidsMax ?? 'max',
    '/sys/fs/cgroup/y/pids.max': () => o.pidsMax ?? 'max',
    '/proc/sys/fs/inotify/max_user_instances': () => o.inotify ?? '8192',
  };
  const doors = {
    disk: {
      readIfThere: (_op: string, path: string) =>
        Promise.resolve(files[path] && Buffer.from(files[path]())),
    },
    spawn: {
      run: (_op: string, command: string[]) => {
        const [, s, h] = /--nofile=(\d+):(\d+)/.exec(command.join(' ')) ?? [];
        if (Number(h) > hard && !o.mayRaise) return Promise.resolve({ code: 1 } as Finished);
        [soft, hard] = [Number(s), Number(h)];
        return Promise.resolve({ code: 0 } as Finished);
      },
    },
    log: { warn: (_text: string, more: object) => void said.push(more) },
  } as LimitDoors;
  await raiseLimits(doors);
  return { soft, hard, said };
}

it('raises what it may', async () => {
  expect(await start({ soft: 1024, hard: 4096, mayRaise: true })).toEqual({
    soft: 1048576,
    hard: 1048576,
    said: [],
  });
  expect(await start({ soft: 1024, hard: 524288, mayRaise: false })).toEqual({
    soft: 524288,
    hard: 524288,
    said: [],
  });
  expect(await start({ soft: 1048576, hard: 2097152, mayRaise: false })).toEqual({
    soft: 1048576,
    hard: 2097152,
    said: [],
  });
});

it.each(['4:pids:/system.slice/x\n0::/y\n', '0::/y\n'])(
  'says in one line what stays low (%j)',
  async (cgroup) => {
    const { said } = await start({
      soft: 1024,
      hard: 4096,
      mayRaise: false,
      pidsMax: '500',
      cgroup,
      inotify: '128',
    });
    expect(said).toEqual([
      { openFiles: 4096, processes: 500, inotifyInstances: 128, hint: expect.any(String) },
    ]);
  },
);
