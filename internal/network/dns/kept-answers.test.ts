import { describe, expect, it } from 'vitest';
import { KeptAnswers } from './kept-answers.ts';
import { dotted, query } from './testing/messages.ts';

const ask = (name: string, id: number): Buffer => query({ name: dotted(name), id });
const answer = (id: number): Buffer => Buffer.from([id >> 8, id & 255, 0x85, 0x80, 1, 2, 3]);

describe('answers that are kept', () => {
  it('are given again with the id of the question, as bytes of their own', () => {
    const kept = new KeptAnswers();
    kept.add(ask('a.b', 1), { bytes: answer(1), type: 1, rcode: 0 }, kept.version);
    const first = kept.find(ask('a.b', 0x1234));
    expect(first).toEqual({ bytes: answer(0x1234), type: 1, rcode: 0 });
    expect(kept.find(ask('a.b', 7))?.bytes).toEqual(answer(7));
    expect(first?.bytes).toEqual(answer(0x1234));
  });

  it('belong to their question, letter for letter and flag for flag', () => {
    const kept = new KeptAnswers();
    kept.add(ask('a.b', 1), { bytes: answer(1), type: 1, rcode: 0 }, kept.version);
    expect(kept.find(ask('A.b', 1))).toBeUndefined();
    expect(kept.find(query({ name: dotted('a.b'), flags: 0 }))).toBeUndefined();
    expect(kept.find(query({ name: dotted('a.b'), dnssecOk: true }))).toBeUndefined();
    expect(kept.find(query({ name: dotted('a.b'), type: 28 }))).toBeUndefined();
    expect(kept.find(Buffer.of(0, 1))).toBeUndefined();
  });

  it('are forgotten by a change, those that are still being looked up, too', () => {
    const kept = new KeptAnswers();
    const before = kept.version;
    kept.add(ask('a.b', 1), { bytes: answer(1), type: 1, rcode: 0 }, before);
    kept.forget();
    expect(kept.find(ask('a.b', 1))).toBeUndefined();
    kept.add(ask('a.b', 1), { bytes: answer(1), type: 1, rcode: 0 }, before);
    expect(kept.size).toBe(0);
  });

  it('are bounded in number and length', () => {
    const kept = new KeptAnswers();
    for (let i = 0; i < 10_000; i++)
      kept.add(ask(`n${i}`, 1), { bytes: answer(1), type: 1, rcode: 3 }, kept.version);
    expect(kept.size).toBeLessThanOrEqual(2048);
    kept.forget();
    kept.add(ask('a.b', 1), { bytes: Buffer.alloc(600), type: 16, rcode: 0 }, kept.version);
    expect(kept.size).toBe(0);
  });
});
