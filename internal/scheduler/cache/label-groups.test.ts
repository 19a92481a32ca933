import { expect, test } from 'vitest';
import { seededRandom } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { node, pod } from '../testing/cluster.ts';
import { Cache } from './cache.ts';

const zone = 'topology.kubernetes.io/zone';

test('how pods are spread is kept up with pods, nodes and labels that come and go', () => {
  const random = seededRandom(testSeed());
  const cache = new Cache();
  const zoneOf = new Map<string, string | undefined>();
  const placed = new Map<string, { node: string; app: string }>();
  const some = (most: number): string => String(random.int(most));
  for (let step = 0; step < 2000; step++) {
    const name = `n${some(6)}`;
    switch (random.int(5)) {
      case 0: {
        const value = random.int(3) === 0 ? undefined : `z${some(3)}`;
        zoneOf.set(name, value);
        cache.setNode(node(name, { labels: value === undefined ? {} : { [zone]: value } }));
        break;
      }
      case 1:
        if (random.int(4) > 0) break;
        zoneOf.delete(name);
        cache.removeNode(name);
        break;
      case 2: {
        const uid = some(40);
        placed.delete(uid);
        cache.removePod(uid);
        break;
      }
      default: {
        const [uid, app] = [some(40), some(3)];
        const made = pod('1m', { nodeName: name }, { app });
        placed.set(uid, { node: name, app });
        cache.setPod({ ...made, metadata: { ...made.metadata, uid, name: uid } });
      }
    }
    for (const group of cache.groups.in('default')) {
      const counted = new Map<string | undefined, number>();
      for (const { node: on, app } of placed.values())
        if (app === group.labels['app'] && zoneOf.has(on))
          counted.set(zoneOf.get(on), (counted.get(zoneOf.get(on)) ?? 0) + 1);
      const spread = [...cache.groups.spreadOf(group, zone)].filter(([, count]) => count > 0);
      expect(new Map(spread)).toEqual(counted);
    }
  }
});
