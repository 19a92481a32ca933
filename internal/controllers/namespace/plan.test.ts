import { describe, expect, test } from 'vitest';
import type { Namespace } from '../../api/generated/types/core-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { timeOf } from '../../api/times.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { refs } from '../../client/refs.ts';
import { seededRandom } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { Outcome } from '../kit/carry-out.ts';
import { writesOf, type Plan, type Write } from '../kit/write.ts';
import { askedAfter, concludeTermination, planTermination, type NamespaceView } from './plan.ts';

const nowMs = Date.UTC(2026, 0, 2);
const random = seededRandom(testSeed());
const kinds = [refs.pods, refs.configMaps, refs.secrets, refs.jobs];

const terminating = (status: Namespace['status'] = {}): Namespace =>
  partOf<Namespace>({
    metadata: { name: 'n', deletionTimestamp: timeOf(nowMs) },
    spec: { finalizers: ['kubernetes', 'example.com/own'] },
    status,
  });

interface Thing {
  ref: ResourceRef;
  object: KubeObject;
  /** How many passes it stays after it was asked to go. */
  holds: number;
}

/** A namespace with things in it, on a server that some kinds cannot be deleted at once from. */
class Server {
  namespace = terminating();
  things: Thing[] = [];
  oneByOne = new Set<ResourceRef>();
  asked = new Map<ResourceRef, number>();
  isGone = false;

  static drawn(): Server {
    const server = new Server();
    for (const ref of kinds) {
      if (random.int(3) === 0) server.oneByOne.add(ref);
      for (let i = random.int(4); i > 0; i--) server.add(ref, `x${i}`, random.int(3));
    }
    return server;
  }

  add(ref: ResourceRef, name: string, holds: number): void {
    const finalizers = holds > 0 ? ['example.com/hold'] : [];
    const metadata = { name, namespace: 'n', finalizers };
    const object = partOf<KubeObject & { spec: object }>({ metadata, spec: {} });
    this.things.push({ ref, object, holds });
  }

  of(ref: ResourceRef): Thing[] {
    return this.things.filter((t) => t.ref === ref);
  }

  view(): NamespaceView {
    const podsOnly = this.of(refs.pods).length > 0;
    const contents = (podsOnly ? [refs.pods] : kinds).flatMap((ref) => {
      const items = this.of(ref).map(({ object }) => object);
      return items.length > 0 ? [{ ref, items, asked: this.asked.get(ref) ?? 0 }] : [];
    });
    const view = { namespace: this.namespace, contents, errors: [], podsOnly, nowMs };
    this.asked = askedAfter(view);
    return view;
  }

  pass(): Plan {
    const view = this.view();
    const outcome = new Outcome();
    for (const write of writesOf(planTermination(view))) this.#perform(write, outcome);
    const last = concludeTermination(view, outcome);
    for (const write of writesOf(last)) this.#perform(write, outcome);
    for (const thing of this.things) if (thing.object.metadata.deletionTimestamp) thing.holds--;
    this.things = this.things.filter((t) => !t.object.metadata.deletionTimestamp || t.holds >= 0);
    return last;
  }

  #perform(write: Write, outcome: Outcome): void {
    if (write.ref !== refs.namespaces && write.ref !== refs.pods)
      expect(this.of(refs.pods), 'pods go first').toEqual([]);
    if (write.verb === 'update') {
      if (write.subresource === 'finalize') {
        expect(this.things).toEqual([]);
        expect((write.object as Namespace).spec?.finalizers).toEqual(['example.com/own']);
        this.isGone = true;
      }
      this.namespace = write.object as Namespace;
      outcome.add(write, { ...write.object });
    } else if (write.verb === 'deleteCollection' && this.oneByOne.has(write.ref)) {
      expect(write.forgives).toEqual(['MethodNotAllowed']);
      outcome.add(write, write.object);
    } else {
      const name = write.verb === 'delete' ? write.object.metadata.name : undefined;
      for (const { object } of this.of(write.ref))
        if (name === undefined || object.metadata.name === name)
          object.metadata.deletionTimestamp ??= timeOf(nowMs);
      outcome.add(write, write.object as KubeObject);
    }
  }
}

const condition = ({ status }: Namespace, type: string): string | undefined =>
  status?.conditions?.find((c) => c.type === type)?.message;

test('a namespace is let go when all that was in it is gone, pods before the rest', () => {
  for (let i = 0; i < 300; i++) {
    const server = Server.drawn();
    for (let passes = 0; !server.isGone; passes++) {
      expect(passes).toBeLessThan(30);
      server.pass();
    }
    expect(server.namespace.status?.phase).toBe('Terminating');
    expect(condition(server.namespace, 'NamespaceContentRemaining')).toBe(
      'All content successfully removed',
    );
  }
});

test('what no deletion moves is asked seldom, not in a circle without a pause', () => {
  const server = new Server();
  server.add(refs.secrets, 'stuck', 0);
  server.oneByOne.add(refs.secrets);
  const asked: number[] = [];
  for (let i = 0; i < 6; i++) {
    const view = server.view();
    asked.push(writesOf(planTermination(view)).filter((w) => w.ref === refs.secrets).length);
    const { againInMs } = concludeTermination(view, new Outcome());
    expect(againInMs).toBe(asked.at(-1) ? 0 : 1000);
  }
  expect(asked).toEqual([1, 1, 0, 1, 1, 0]);
});

describe('conditions', () => {
  test('say what is left, and which finalizers hold it', () => {
    const server = new Server();
    server.add(refs.secrets, 'held', 5);
    server.pass();
    server.pass();
    expect(condition(server.namespace, 'NamespaceContentRemaining')).toBe(
      'Some resources are remaining: secrets. has 1 resource instances',
    );
    expect(condition(server.namespace, 'NamespaceFinalizersRemaining')).toBe(
      'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource ' +
        'instances',
    );
  });

  test('say what could not be listed, and the key is tried again', () => {
    const view = { ...new Server().view(), errors: ['secrets: no'] };
    const last = concludeTermination(view, new Outcome());
    expect(last.failure).toBe('secrets: no');
    const [write] = writesOf(last) as { object: Namespace }[];
    expect(condition(write!.object, 'NamespaceDeletionContentFailure')).toBe(
      'Failed to delete all resource types, 1 remaining: secrets: no',
    );
  });
});
