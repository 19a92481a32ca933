import { describe, expect, it, test } from 'vitest';
import { asObject } from '../../api/object.ts';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import { planFor, type View } from './plan.ts';
import { markedInterrupted, revisionsOf, type Revision } from './release.ts';
import { gunzipSync, gzipSync } from 'node:zlib';

const nowMs = Date.parse('2026-01-01T01:00:00Z');
const revision = (status: string, hash: string | undefined = 'old'): Revision => ({
  revision: 1,
  status,
  hash,
  secret: { metadata: { creationTimestamp: '2026-01-01T00:59:00Z' } } as Secret,
});
const view = (over: Partial<View> & { policy?: 'abort' | 'reinstall' | 'retry' }): View => ({
  ending: false,
  wish: { hash: 'new', failurePolicy: over.policy, backOffLimit: 3, timeoutMs: 300_000 },
  revisions: [],
  failures: 0,
  nowMs,
  ...over,
});
const failed = [revision('failed', 'new')];
const ranOnce = [revision('superseded'), revision('failed', 'new')];

test.each<[what: string, over: Parameters<typeof view>[0], does: string]>([
  ['nothing there', {}, 'upgrade'],
  ['as it should be', { revisions: [revision('deployed', 'new')] }, 'nothing'],
  ['another wish', { revisions: [revision('deployed')] }, 'upgrade'],
  ["somebody else's", { revisions: [revision('deployed', undefined)] }, 'upgrade'],
  ['interrupted', { revisions: [revision('pending-install')] }, 'heal'],
  [
    'interrupted again and again',
    { revisions: [revision('pending-upgrade')], failures: 9 },
    'heal',
  ],
  [
    "somebody else's Helm",
    { revisions: [{ ...revision('pending-upgrade'), hash: undefined }] },
    'wait',
  ],
  ['healed', { revisions: failed }, 'upgrade'],
  ['never ran', { revisions: failed, failures: 1 }, 'reinstall'],
  ['never ran, retry', { revisions: failed, failures: 1, policy: 'retry' }, 'upgrade'],
  ['never ran, abort', { revisions: failed, failures: 1, policy: 'abort' }, 'give up'],
  ['abort, and another wish', { revisions: [revision('failed')], policy: 'abort' }, 'upgrade'],
  ['ran once', { revisions: ranOnce, failures: 1 }, 'upgrade'],
  ['ran once, reinstall', { revisions: ranOnce, failures: 1, policy: 'reinstall' }, 'reinstall'],
  ['half removed', { revisions: [revision('uninstalling')] }, 'reinstall'],
  ['too often', { failures: 4 }, 'give up'],
  ['as often as allowed', { failures: 3 }, 'upgrade'],
  ['ending, nothing there', { ending: true }, 'let go'],
  ['ending', { ending: true, revisions: [revision('pending-install')] }, 'uninstall'],
])('%s', (_what, over, does) => {
  expect(planFor(view(over)).do).toBe(does);
});

it("waits for somebody else's Helm as long as it may take, and no longer", () => {
  const revisions = [{ ...revision('pending-upgrade'), hash: undefined }];
  expect(planFor(view({ revisions }))).toEqual({ do: 'wait', ms: 540_000 });
  expect(planFor(view({ revisions, nowMs: nowMs + 540_000 })).do).toBe('heal');
});

describe('the Secret of a release', () => {
  const pack = (release: object): string =>
    Buffer.from(gzipSync(JSON.stringify(release)).toString('base64')).toString('base64');
  const secret = (version: string, over: object = {}): Secret =>
    asObject({
      metadata: { labels: { owner: 'helm', name: 'web', status: 'pending-install', version } },
      type: 'helm.sh/release.v1',
      data: { release: pack({ name: 'web', info: { status: 'pending-install', notes: 'n' } }) },
      ...over,
    }) as Secret;

  it('is found by its labels, the newest last', () => {
    const found = revisionsOf('web', [secret('10'), secret('9'), secret('2', { type: 'Opaque' })]);
    expect(found.map((one) => one.revision)).toEqual([9, 10]);
    expect(revisionsOf('other', [secret('1')])).toEqual([]);
  });

  it('is marked as failed, and keeps everything else', () => {
    const marked = markedInterrupted(secret('1'));
    expect(marked.metadata.labels).toMatchObject({ status: 'failed', version: '1' });
    const text = Buffer.from(marked.data?.['release'] ?? '', 'base64').toString();
    const release = JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString()) as object;
    expect(release).toMatchObject({ name: 'web', info: { status: 'failed', notes: 'n' } });
  });

  it.each(['', 'x', pack({}).slice(4)])('that holds %j is not a release', (release) => {
    expect(() => markedInterrupted(secret('1', { data: { release } }))).toThrow();
  });

  it('that grows without end when it is unpacked is not a release', () => {
    const bomb = Buffer.from(gzipSync(Buffer.alloc(65 * 1024 * 1024)).toString('base64'));
    expect(() =>
      markedInterrupted(secret('1', { data: { release: bomb.toString('base64') } })),
    ).toThrow();
  });
});
