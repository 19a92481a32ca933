import { describe, expect, test } from 'vitest';
import type {
  FlowSchema,
  PriorityLevelConfiguration,
} from '../../api/generated/types/flowcontrol-v1.ts';
import { realClock } from '../../io/clock.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { Flow } from './flow.ts';
import { handOf, Level, type Queue, type Waited } from './level.ts';
import { lendableSeats, seatsOf } from './seats.ts';

const never = new AbortController().signal;

function config(limited: object | 'exempt', name = 'l'): PriorityLevelConfiguration {
  const spec = limited === 'exempt' ? { type: 'Exempt' } : { type: 'Limited', limited };
  return { metadata: { name, uid: name }, spec } as PriorityLevelConfiguration;
}

const queued = (queues: number, handSize: number, queueLengthLimit: number): object => ({
  limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit } },
});

function levelOf(
  limited: object | 'exempt',
  own: number,
  options: { lendable?: () => number; clock?: FakeClock; most?: number } = {},
): Level {
  const level = new Level(config(limited), {
    clock: options.clock ?? realClock,
    maxWaitMs: 1000,
    lendable: options.lendable ?? (() => 0),
  });
  level.configure(config(limited), { own, least: own, most: options.most ?? own });
  return level;
}

const flowOf = (level: Level, name = 'f'): Flow =>
  new Flow({ metadata: { name, uid: name }, spec: {} } as FlowSchema, level);

describe('seats', () => {
  test('as many as there are, then the queue, then 429', async () => {
    const level = levelOf(queued(1, 1, 2), 2);
    const flow = flowOf(level);
    expect([level.tryStart(flow), level.tryStart(flow), level.tryStart(flow)]).toEqual([
      true,
      true,
      false,
    ]);
    const waits = [level.wait(flow, 1, never), level.wait(flow, 1, never)];
    expect(await level.wait(flow, 1, never)).toEqual({ rejected: 'queue-full' });
    expect([flow.waiting, level.waitingCount, flow.rejected.get('queue-full')]).toEqual([2, 2, 1]);
    level.finish(flow, 1, undefined);
    level.dispatch();
    const first = (await waits[0]) as { queue: Queue };
    expect(first.queue).toBeDefined();
    expect([level.executing, level.waitingCount, flow.dispatched]).toEqual([2, 1, 3]);
  });

  test('nobody overtakes who waits', async () => {
    const level = levelOf(queued(1, 1, 2), 1);
    const flow = flowOf(level);
    level.tryStart(flow);
    const waits = level.wait(flow, 1, never);
    level.finish(flow, 1, undefined);
    expect(level.tryStart(flow)).toBe(false);
    level.dispatch();
    expect(await waits).toHaveProperty('queue');
  });

  test('type Reject has no queue', async () => {
    const level = levelOf({ limitResponse: { type: 'Reject' } }, 1);
    const flow = flowOf(level);
    expect(level.tryStart(flow)).toBe(true);
    expect(level.tryStart(flow)).toBe(false);
    expect(await level.wait(flow, 1, never)).toEqual({ rejected: 'concurrency-limit' });
  });

  test('an exempt level never waits', () => {
    const level = levelOf('exempt', 0);
    const flow = flowOf(level);
    for (let i = 0; i < 1000; i++) expect(level.tryStart(flow)).toBe(true);
  });

  test('waiting ends when time is up, or the client leaves', async () => {
    const clock = new FakeClock();
    const level = levelOf(queued(1, 1, 5), 0, { clock });
    const flow = flowOf(level);
    const gone = new AbortController();
    const waits = [level.wait(flow, 1, never), level.wait(flow, 1, gone.signal)];
    gone.abort();
    expect(await waits[1]).toEqual({ rejected: 'cancelled' });
    await clock.advance(1001);
    expect(await waits[0]).toEqual({ rejected: 'time-out' });
    expect([level.waitingCount, flow.waiting]).toEqual([0, 0]);
  });
});

describe('borrowing', () => {
  test('what others lend and do not use, up to the limit', () => {
    const lender = { seats: { own: 10, least: 4, most: 10 }, executing: 5, exempt: false };
    expect(lendableSeats([lender])).toBe(5);
    expect(lendableSeats([{ ...lender, executing: 0 }])).toBe(6);
    expect(
      lendableSeats([
        lender,
        { seats: { own: 1, least: 1, most: 9 }, executing: 4, exempt: false },
      ]),
    ).toBe(2);
    expect(
      lendableSeats([
        lender,
        { seats: { own: 0, least: 0, most: 9 }, executing: 400, exempt: true },
      ]),
    ).toBe(5);
    let free = 2;
    const level = levelOf(queued(1, 1, 5), 1, { lendable: () => free, most: 3 });
    const flow = flowOf(level);
    expect(level.tryStart(flow)).toBe(true);
    while (level.tryStart(flow)) free--;
    expect(level.executing).toBe(3);
  });

  test("the division is upstream's", () => {
    const of = (shares: number, lendablePercent: number, borrowingLimitPercent?: number) =>
      seatsOf(
        config({ nominalConcurrencyShares: shares, lendablePercent, borrowingLimitPercent }),
        600,
        245,
      );
    expect(of(5, 0)).toEqual({ own: 13, least: 13, most: 613 });
    expect(of(30, 33)).toEqual({ own: 74, least: 50, most: 674 });
    expect(of(100, 90, 10)).toEqual({ own: 245, least: 24, most: 270 });
    expect(of(0, 0, 0)).toEqual({ own: 0, least: 0, most: 0 });
  });
});

describe('fairness', () => {
  /** Runs until `rounds` requests have ended; returns how many each flow got. */
  async function share(
    flows: Record<string, { hash: number; waiting: number; tookMs: number }>,
    rounds: number,
  ): Promise<Record<string, number>> {
    const level = levelOf(queued(64, 6, 500), 1);
    const got: Record<string, number> = {};
    const running: { name: string; queue: Queue }[] = [];
    const block = flowOf(level, 'block');
    level.tryStart(block);
    for (const [name, { hash, waiting }] of Object.entries(flows)) {
      const flow = flowOf(level, name);
      got[name] = 0;
      for (let i = 0; i < waiting; i++)
        void level
          .wait(flow, hash, never)
          .then(
            (waited: Waited) => 'queue' in waited && running.push({ name, queue: waited.queue }),
          );
    }
    level.finish(block, 0, undefined);
    for (let i = 0; i < rounds; i++) {
      level.dispatch();
      await Promise.resolve();
      await Promise.resolve();
      const one = running.shift();
      if (!one) break;
      got[one.name] = (got[one.name] ?? 0) + 1;
      level.finish(flowOf(level, one.name), flows[one.name]?.tookMs ?? 0, one.queue);
    }
    return got;
  }

  test('one who asks a thousand times does not keep one out who asks ten', async () => {
    const got = await share(
      {
        elephant: { hash: 1, waiting: 1000, tookMs: 5 },
        mouse: { hash: 99, waiting: 10, tookMs: 5 },
      },
      100,
    );
    expect(got['mouse']).toBe(10);
  });

  test('who asks for long work gets fewer turns', async () => {
    const got = await share(
      {
        long: { hash: 1, waiting: 400, tookMs: 100 },
        short: { hash: 99, waiting: 400, tookMs: 10 },
      },
      220,
    );
    expect(got['short']).toBeGreaterThan((5 * (got['long'] ?? 0)) / 6);
    expect(got['long']).toBeGreaterThan(5);
  });
});

test('a hand has different cards, is always the same, and hands differ', () => {
  const hands = new Set<string>();
  for (let hash = 0; hash < 2000; hash++) {
    const hand = handOf((hash * 2654435761) >>> 0, 64, 6);
    expect(new Set(hand).size).toBe(6);
    expect(Math.max(...hand)).toBeLessThan(64);
    expect(handOf((hash * 2654435761) >>> 0, 64, 6)).toEqual(hand);
    hands.add(hand.join());
  }
  expect(hands.size).toBeGreaterThan(1990);
  expect(handOf(7, 3, 3).sort()).toEqual([0, 1, 2]);
});
