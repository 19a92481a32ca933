import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import type { Disk } from '../../io/disk.ts';
import { GrpcError, grpcCode } from '../../io/grpc.ts';
import { silentLog } from '../../io/log.ts';
import type { ProcessInfo } from '../../io/processes.ts';
import { damageIn } from './damage.ts';
import { RuntimeHealth } from './health.ts';
import { below, keptIds, shimsOf, stopLeftovers, type LeftoverDoors } from './leftovers.ts';
import { clearForNew, isOrphaned, type RebuildDoors } from './rebuild.ts';
import { Settling } from './settling.ts';

describe('damageIn', () => {
  const plugin = (name: string, error: string): string =>
    `time="2026-11-30T07:49:50Z" level=warning msg="failed to load plugin ${name}" ` +
    `error="${error}"\n`;

  it.each([
    [
      'a database that is none',
      plugin('io.containerd.metadata.v1.bolt', 'invalid database'),
      false,
    ],
    ['one that was cut', plugin('io.containerd.metadata.v1.bolt', 'file size too small'), false],
    [
      'one of the snapshotter',
      plugin('io.containerd.snapshotter.v1.overlayfs', 'checksum error'),
      false,
    ],
    [
      'a page of nonsense',
      'panic: invalid freelist page: 0, page type is unknown<00>\n\ngoroutine 3 [running]:\n' +
        'go.etcd.io/bbolt.(*freelist).read(0x1)\n',
      true,
    ],
    [
      'a page that the disk has not',
      'unexpected fault address 0x7f\nfatal error: fault\n[signal SIGBUS: bus error]\n' +
        'goroutine 43:\ngo.etcd.io/bbolt.(*Cursor).search()\n',
      true,
    ],
  ])('sees %s', (_what, said, ended) => {
    expect(damageIn(said, ended)).toBeTypeOf('string');
  });

  it.each([
    ['a lock that somebody else holds', plugin('io.containerd.metadata.v1.bolt', 'timeout'), false],
    [
      'a disk that is full',
      plugin('io.containerd.metadata.v1.bolt', 'write /x/meta.db: no space left on device'),
      false,
    ],
    [
      'a file system that overlayfs does not like',
      plugin('io.containerd.snapshotter.v1.overlayfs', '/x does not support d_type'),
      false,
    ],
    [
      'a plug-in that only misses another',
      plugin('io.containerd.service.v1.diff-service', 'walking: invalid database'),
      false,
    ],
    ['a wrong configuration', 'containerd: invalid plugin config\n', true],
    [
      'a death elsewhere',
      'panic: runtime error: index out of range\ngoroutine 1:\n' +
        'github.com/containerd/containerd/cmd()\n',
      true,
    ],
    ['a trace of one that lives', 'panic: x\ngo.etcd.io/bbolt.(*DB).x()\n', false],
  ])('does not throw all away for %s', (_what, said, ended) => {
    expect(damageIn(said, ended)).toBeUndefined();
  });
});

const deadline = (): GrpcError =>
  new GrpcError(
    'version',
    Object.assign(new Error('deadline'), {
      code: grpcCode.deadlineExceeded,
      details: 'Deadline exceeded',
      metadata: undefined as never,
    }),
  );
const refused = (): GrpcError =>
  new GrpcError(
    'version',
    Object.assign(new Error('refused'), {
      code: grpcCode.unavailable,
      details: 'connection refused',
      metadata: undefined as never,
    }),
  );

describe('RuntimeHealth', () => {
  const world = () => {
    const clock = new FakeClock();
    const state = {
      answer: 'well' as 'well' | 'hang' | 'refuse',
      asked: 0,
      told: [] as (string | undefined)[],
      killed: 0,
      stopped: false,
    };
    const health: RuntimeHealth = new RuntimeHealth({
      clock,
      log: silentLog,
      ask: (timeoutMs) => {
        state.asked += 1;
        if (state.answer === 'well') return Promise.resolve();
        if (state.answer === 'refuse') return Promise.reject(refused());
        return clock.sleep('ask', timeoutMs).then(() => Promise.reject(deadline()));
      },
      changed: () => void state.told.push(health.down),
      isStopped: () => Promise.resolve(state.stopped),
      hung: () => void state.killed++,
    });
    return { clock, state, health };
  };

  it(
    'tells of a hang within twenty seconds, kills after a minute of it, and says when it is ' +
      'over',
    async () => {
      const { clock, state, health } = world();
      state.answer = 'hang';
      await clock.advance(20_000);
      expect(state.told).toEqual(['container runtime is down: it has given no answer for 10s']);
      await clock.advance(49_000);
      expect(state.killed).toBe(0);
      await clock.advance(25_000);
      expect(state.killed).toBe(1);
      state.answer = 'well';
      await clock.advance(12_000);
      expect([state.told.length, state.told.at(-1), health.down]).toEqual([
        2,
        undefined,
        undefined,
      ]);
      health.stop();
      expect(clock.timers).toBe(0);
    },
  );

  it('does not wait for a process that somebody has stopped', async () => {
    const { clock, state, health } = world();
    state.answer = 'hang';
    state.stopped = true;
    await clock.advance(12_500);
    expect([state.told.length, state.killed]).toEqual([0, 1]);
    state.answer = 'well';
    health.stop();
  });

  it('makes no news of a restart, and kills nothing that is gone', async () => {
    const { clock, state, health } = world();
    state.answer = 'refuse';
    health.check();
    await clock.advance(3000);
    state.answer = 'well';
    await clock.advance(2000);
    expect(state.told).toEqual([]);
    state.answer = 'refuse';
    await clock.advance(300_000);
    expect([state.told, state.killed]).toEqual([
      ['container runtime is down: connection refused'],
      0,
    ]);
    health.stop();
  });

  it('asks six times a minute while all is well', async () => {
    const { clock, state, health } = world();
    await clock.advance(60_000);
    expect(state.asked).toBe(6);
    health.stop();
  });
});

describe('keptIds', () => {
  it('are those of containerd, without the sandboxes that it takes for ended', () => {
    expect([
      ...keptIds('pod-1\npod-2\nweb\nbeing-made\n', [
        { id: 'pod-1', state: 0 },
        { id: 'pod-2', state: 1 },
      ]),
    ]).toEqual(['pod-1', 'web', 'being-made']);
  });
});

describe('Settling', () => {
  it('works once for a loss, again for one in its middle, and until it succeeds', async () => {
    const clock = new FakeClock();
    let works = 0;
    const settling: Settling = new Settling({
      clock,
      log: silentLog,
      work: () => {
        works += 1;
        if (works === 1) return Promise.reject(new Error('not yet'));
        if (works === 2) settling.undo();
        return Promise.resolve();
      },
    });
    await settling.settle();
    expect([works, settling.done]).toEqual([0, true]);
    settling.undo();
    const both = Promise.all([settling.settle(), settling.settle()]);
    await clock.advance(0);
    expect([works, settling.done]).toEqual([1, false]);
    await clock.advance(2000);
    await both;
    expect([works, settling.done]).toEqual([3, true]);
  });
});

describe('leftovers', () => {
  const socket = '/run/x/containerd.sock';
  const shim = (
    pid: number,
    id: string,
    more: { namespace?: string; address?: string; program?: string } = {},
  ): ProcessInfo => ({
    pid,
    parent: 1,
    command: [
      more.program ?? '/usr/bin/containerd-shim-runc-v2',
      '-namespace',
      more.namespace ?? 'k8s.io',
      '-id',
      id,
      '-address',
      more.address ?? socket,
    ],
  });

  it("are known by their shims: ours, and nobody else's", () => {
    const all = [
      shim(1, 'a'),
      shim(2, 'b', { namespace: 'moby' }),
      shim(3, 'c', { address: '/run/containerd/containerd.sock' }),
      shim(4, 'd', { program: '/bin/sh' }),
      shim(5, '../e'),
      shim(6, 'f', { address: `unix://${socket}` }),
      { pid: 7, parent: 1, command: [] },
    ];
    expect(shimsOf(all, socket).map((s) => s.id)).toEqual(['a', 'f']);
    expect(
      below(
        [
          { pid: 2, parent: 1, command: [] },
          { pid: 3, parent: 2, command: [] },
          { pid: 4, parent: 9, command: [] },
        ],
        1,
      ),
    ).toEqual([2, 3]);
  });

  /** Shims `a` and `b`, each with a container; one of `b` does not hear SIGTERM. */
  const machine = () => {
    let all: ProcessInfo[] = [
      shim(10, 'a'),
      { pid: 11, parent: 10, command: ['sleep'] },
      shim(20, 'b'),
      { pid: 21, parent: 20, command: ['pause'] },
      { pid: 22, parent: 20, command: ['stubborn'] },
      { pid: 23, parent: 22, command: ['child'] },
      { pid: 30, parent: 1, command: ['stranger'] },
    ];
    const signals: string[] = [];
    const removed: string[] = [];
    const clock = new FakeClock();
    const doors = partOf<LeftoverDoors>({
      clock,
      log: silentLog,
      processes: {
        list: () => Promise.resolve(all),
        alive: (pid: number) => all.some((p) => p.pid === pid),
        mountNamespace: () => Promise.resolve('mnt:[1]'),
        kill: (_op: string, pid: number, signal: string) => {
          signals.push(`${signal} ${pid}`);
          if (signal === 'SIGKILL' || pid !== 22) all = all.filter((p) => p.pid !== pid);
          return true;
        },
      },
      disk: partOf<Disk>({
        list: (_op: string, dir: string) =>
          Promise.resolve(dir.includes('/runc/') ? ['b', 'container-of-b', 'other'] : []),
        readIfThere: (_op: string, path: string) =>
          Promise.resolve(
            Buffer.from(
              JSON.stringify({ init_process_pid: path.includes('container-of-b') ? 22 : 999 }),
            ),
          ),
        stat: () => Promise.resolve(undefined),
        remove: (_op: string, path: string) => Promise.resolve(void removed.push(path)),
      }),
      mounts: { below: () => Promise.resolve([]), unmount: () => Promise.resolve() },
    });
    return { clock, doors, signals, removed, alive: () => all.map((p) => p.pid) };
  };
  const places = { socket, state: '/run/x', cniBinDir: '/cni' };

  it('end with all that is below them, the obedient in peace; what is known stays', async () => {
    const { clock, doors, signals, removed, alive } = machine();
    const done = stopLeftovers(doors, places, () => Promise.resolve(new Set(['a'])));
    await clock.advance(30_000);
    expect(await done).toEqual(['b']);
    expect(alive()).toEqual([10, 11, 30]);
    expect(signals).toEqual([
      'SIGTERM 21',
      'SIGTERM 22',
      'SIGSTOP 20',
      'SIGSTOP 22',
      'SIGSTOP 23',
      'SIGKILL 20',
      'SIGKILL 22',
      'SIGKILL 23',
    ]);
    expect(removed.filter((p) => p.includes('/runc/'))).toEqual([
      '/run/containerd/runc/k8s.io/b',
      '/run/containerd/runc/k8s.io/container-of-b',
    ]);
  });

  it('are none while containerd knows all: it is not asked when there is no shim', async () => {
    const { doors, signals } = machine();
    expect(await stopLeftovers(doors, places, () => Promise.resolve(new Set(['a', 'b'])))).toEqual(
      [],
    );
    expect(
      await stopLeftovers(doors, { ...places, socket: '/other' }, () =>
        Promise.reject(new Error('asked')),
      ),
    ).toEqual([]);
    expect(signals).toEqual([]);
  });
});

describe('a rebuild', () => {
  const disk = (files: Record<string, number>) => {
    const touched: string[] = [];
    const doors = partOf<RebuildDoors>({
      clock: new FakeClock(),
      log: silentLog,
      disk: {
        stat: (_op: string, path: string) =>
          Promise.resolve(files[path] === undefined ? undefined : { size: files[path] }),
        list: (_op: string, dir: string) =>
          Promise.resolve([
            ...new Set(
              Object.keys(files).flatMap((p) =>
                p.startsWith(`${dir}/`) ? [p.slice(dir.length + 1).split('/')[0] as string] : [],
              ),
            ),
          ]),
        remove: (_op: string, path: string) => Promise.resolve(void touched.push(`remove ${path}`)),
        makeDir: () => Promise.resolve(),
      },
      tree: {
        rename: (_op: string, from: string, to: string) =>
          Promise.resolve(void touched.push(`rename ${from} ${to}`)),
      },
      mounts: {
        below: (_op: string, path: string) =>
          Promise.resolve(
            path === '/pods'
              ? [
                  '/pods/u/volumes/kubernetes.io~image/v',
                  '/pods/u/volumes/kubernetes.io~empty-dir/e',
                ]
              : path === '/root'
                ? ['/root', '/root/x']
                : [],
          ),
        unmount: (_op: string, point: string) =>
          Promise.resolve(void touched.push(`unmount ${point}`)),
      },
      processes: { list: () => Promise.resolve([]), mountNamespace: () => Promise.resolve('m') },
    });
    return { doors, touched };
  };
  const places = {
    root: '/root',
    state: '/state',
    socket: '/s',
    cniBinDir: '/cni',
    podsDir: '/pods',
  };
  const database = '/root/io.containerd.metadata.v1.bolt/meta.db';

  it.each([
    ['a first start', {}, false],
    [
      'an ordinary start',
      { [database]: 4096, '/root/io.containerd.snapshotter.v1.overlayfs/metadata.db': 1 },
      false,
    ],
    [
      'a database that is gone',
      { '/root/io.containerd.snapshotter.v1.overlayfs/metadata.db': 1 },
      true,
    ],
    ['an empty one', { [database]: 0, '/root/io.containerd.grpc.v1.cri/sandboxes': 1 }, true],
  ])('is called for by what is on the disk: %s', async (_what, files, orphaned) => {
    expect(await isOrphaned(disk(files).doors, places)).toBe(orphaned);
  });

  it('puts the database aside, removes what only it could name, keeps the rest', async () => {
    const { doors, touched } = disk({
      [database]: 10,
      '/root/io.containerd.snapshotter.v1.overlayfs/x': 1,
      '/root/io.containerd.content.v1.content/x': 1,
      '/root/io.containerd.grpc.v1.cri/x': 1,
      '/state/io.containerd.runtime.v2.task/x': 1,
      '/state/containerd.sock.ttrpc': 0,
    });
    await clearForNew(doors, places);
    expect(touched).toEqual([
      'unmount /pods/u/volumes/kubernetes.io~image/v',
      'unmount /root/x',
      'remove /root/damaged',
      `rename ${database} /root/damaged/meta.db`,
      'remove /root/io.containerd.snapshotter.v1.overlayfs',
      'remove /root/io.containerd.grpc.v1.cri',
      'remove /state/io.containerd.runtime.v2.task',
    ]);
  });
});
