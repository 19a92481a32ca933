import { expect, test } from 'vitest';
import { LeaseBook } from './leases.ts';
import { Rec } from './record.ts';
import { State } from './state.ts';
import { tidyValues } from './tidy-values.ts';
import { values } from './value-arena.ts';

const keys = 500;

/** One of fifty keys is written once, the others again and again. */
function filled(): State {
  const state = new State(new LeaseBook());
  for (let revision = 2; revision < 20_000; revision++) {
    const key = revision % 50 === 0 ? `stay${revision}` : `go${revision % keys}`;
    const prev = state.index.get(key);
    const rec = new Rec({
      key,
      value: Buffer.from(`${revision}`.padEnd(1000, '.')),
      createRevision: prev?.createRevision ?? revision,
      modRevision: revision,
      version: (prev?.version ?? 0) + 1,
      lease: '0',
      sub: 0,
      soft: false,
      prev,
    });
    state.apply(rec);
    state.head = revision;
    state.publish([rec]);
  }
  return state;
}

function heads(state: State): Rec[] {
  const all: Rec[] = [];
  state.index.scan('\0', '\0', (head) => all.push(head) > 0);
  return all;
}

test('few values that stay among many that go do not keep the memory of all', async () => {
  const state = filled();
  const views = heads(state).map((rec) => [rec.modRevision, rec.value] as const);
  expect(values.wasteful).toBe(false);
  state.compact(state.published);
  expect(values.wasteful).toBe(true);
  await tidyValues(state, () => false);
  expect(values.wasteful).toBe(false);
  expect(heads(state).length).toBe(399 + 490);
  for (const rec of heads(state))
    expect(Buffer.from(rec.value).toString()).toBe(`${rec.modRevision}`.padEnd(1000, '.'));
  // Whoever read a value before goes on reading the same bytes.
  for (const [revision, view] of views)
    expect(Buffer.from(view).toString()).toBe(`${revision}`.padEnd(1000, '.'));
});
