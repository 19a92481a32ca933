import { partOf } from '../../base/testing/part-of.ts';
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { Keeper, type KeeperOptions } from './keeper.ts';

/** A machine on which one containerd can run; its process ids count up. */
function machine(options: { prepareMs?: number; deaf?: boolean } = {}) {
  const clock = new FakeClock();
  const files = new Map<string, string>();
  const state = { pid: 0, alive: 0, starts: 0, signals: [] as string[], child: new EventEmitter() };
  const end = (): void => {
    state.alive = 0;
    state.child.emit('exit');
  };
  const keeper = new Keeper({
    configFile: '/c.toml',
    pidFile: '/pid',
    logFile: '/log',
    clock,
    log: silentLog,
    prepare: () =>
      options.prepareMs ? clock.sleep('prepare', options.prepareMs) : Promise.resolve(),
    disk: partOf<KeeperOptions['disk']>({
      readIfThere: (_op: string, path: string) => {
        const pid = /^\/proc\/(\d+)\/(\w+)$/.exec(path);
        if (!pid)
          return Promise.resolve(files.has(path) ? Buffer.from(files.get(path)!) : undefined);
        if (Number(pid[1]) !== state.alive)
          return Promise.reject(new Error('ESRCH: no such process'));
        return Promise.resolve(
          Buffer.from(
            pid[2] === 'cmdline' ? 'containerd\0--config\0/c.toml\0' : 'State:\tS (sleeping)\n',
          ),
        );
      },
      stat: () => Promise.resolve({ size: files.get('/log')?.length ?? 0 }),
      writeAtomic: (_op: string, path: string, data: string | Uint8Array) =>
        Promise.resolve(void files.set(path, String(data))),
    }),
    spawn: partOf<KeeperOptions['spawn']>({
      start: () => {
        state.starts += 1;
        state.child = Object.assign(new EventEmitter(), {
          pid: (state.alive = ++state.pid),
          unref: () => undefined,
        });
        return state.child;
      },
    }),
    processes: {
      kill: (_op: string, _pid: number, signal: string) => {
        state.signals.push(signal);
        if (signal === 'SIGKILL' || !options.deaf) end();
        return true;
      },
    } as KeeperOptions['processes'],
  });
  return { clock, files, state, keeper, end };
}

it('starts one containerd, however often it is asked while the start takes its time', async () => {
  const { clock, state, keeper, end } = machine({ prepareMs: 5000 });
  const started = keeper.start(false);
  await clock.advance(6000);
  await started;
  end();
  for (let ms = 0; ms < 9000; ms += 50) {
    void keeper.check();
    await clock.advance(50);
  }
  expect([state.starts, state.alive]).toEqual([2, 2]);
});

it('kills one that does not end, and does its work only when it is gone', async () => {
  const { clock, state, keeper } = machine({ deaf: true });
  await keeper.start(false);
  let seen = -1;
  const done = keeper.without(() => Promise.resolve(void (seen = state.alive)));
  await clock.advance(30_000);
  await done;
  expect([state.signals, seen, state.alive, state.starts]).toEqual([
    ['SIGTERM', 'SIGKILL'],
    0,
    2,
    2,
  ]);
});

it('tells what its present life said, and counts the deaths since it last answered', async () => {
  const { clock, files, state, keeper, end } = machine();
  files.set('/log', 'of a former life\n');
  await keeper.start(false);
  files.set('/log', `${files.get('/log')}panic: now\n`);
  expect(await keeper.said()).toBe('panic: now\n');
  end();
  await clock.advance(500);
  end();
  await clock.advance(500);
  expect([keeper.deaths, state.alive]).toEqual([2, 3]);
  keeper.answered();
  expect(keeper.deaths).toBe(0);
  keeper.leave();
  end();
  await clock.advance(60_000);
  expect(state.alive).toBe(0);
});
