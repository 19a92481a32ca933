import { describe, expect, it } from 'vitest';
import type { Event } from '../api/generated/types/core-v1.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { eventRecorder } from './events.ts';
import { FakeClient } from './fake-client.ts';
import { refs } from './refs.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default', uid: 'u', resourceVersion: '1' },
};
const setup = (): {
  clock: FakeClock;
  client: FakeClient;
  recorder: ReturnType<typeof eventRecorder>;
} => {
  const clock = new FakeClock();
  const client = new FakeClient(clock);
  return {
    clock,
    client,
    recorder: eventRecorder({ client, clock, log: silentLog, component: 'kubelet', host: 'n' }),
  };
};

describe('event recorder', () => {
  it('counts repeats in one event', async () => {
    const { client, recorder } = setup();
    for (let i = 0; i < 3; i += 1) recorder.warning(pod, 'BackOff', 'again');
    await recorder.flushed();
    const events = client.all<Event>(refs.events);
    expect(
      events.map((e) => [e.reason, e.count, e.source?.component, e.involvedObject.name]),
    ).toEqual([['BackOff', 3, 'kubelet', 'p']]);
  });

  it('folds similar events after ten', async () => {
    const { client, recorder } = setup();
    for (let i = 0; i < 12; i += 1) recorder.normal(pod, 'Pulled', `image ${i}`);
    await recorder.flushed();
    const events = client.all<Event>(refs.events);
    expect(events.length).toBe(10);
    expect(events.at(-1)).toMatchObject({
      message: '(combined from similar events): image 11',
      count: 3,
    });
  });

  it('holds back a flood and lets one through every five minutes', async () => {
    const { clock, client, recorder } = setup();
    for (let i = 0; i < 60; i += 1) recorder.normal(pod, `R${i}`, 'x');
    await recorder.flushed();
    expect(client.all(refs.events).length).toBe(25);
    await clock.advance(300_000);
    recorder.normal(pod, 'Later', 'x');
    await recorder.flushed();
    expect(client.all(refs.events).length).toBe(26);
  });
});
