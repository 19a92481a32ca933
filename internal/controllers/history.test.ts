import { partOf } from '../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type { PodTemplateSpec } from '../api/generated/types/core-v1.ts';
import { revisionData } from './history.ts';

describe('revisionData', () => {
  it('is the text that Go’s tools make: keys sorted, at every depth', () => {
    const template = partOf<PodTemplateSpec>({
      spec: { restartPolicy: 'Always', containers: [{ name: 'c', image: 'i' }] },
      metadata: { labels: { b: '1', a: '2' } },
    });
    expect(JSON.stringify(revisionData(template))).toBe(
      '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"a":"2","b":"1"}},' +
        '"spec":{"containers":[{"image":"i","name":"c"}],"restartPolicy":"Always"}}}}',
    );
  });
});
