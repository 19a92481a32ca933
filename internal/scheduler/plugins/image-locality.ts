import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Cache } from '../cache/cache.ts';
import { StateKey } from '../framework/cycle-state.ts';
import { maxScore, type Plugin } from '../framework/plugin.ts';
import { skip } from '../framework/status.ts';

const name = 'ImageLocality';
const key = new StateKey<{ images: [name: string, spread: number][]; most: number }>(
  `PreScore${name}`,
);

/** Between these sizes an image that is already there counts more and more. */
const leastBytes = 23 * 1024 * 1024;
const mostBytesOfContainer = 1000 * 1024 * 1024;

/** The name as the runtime reports it: with a tag. */
const normalized = (image: string): string =>
  image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;

function imagesOf({ spec }: Pod): string[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  return [
    ...containers.map((c) => c.image ?? ''),
    ...(spec.volumes ?? []).flatMap((v) => v.image?.reference ?? []),
  ].map(normalized);
}

/**
 * Prefers nodes that have the pod's images. An image counts by the share of nodes that have it, so
 * that one node with a rare image does not draw every pod.
 */
export const imageLocality = ({ cache }: { cache: Cache }): Plugin => ({
  name,
  preScore(state, { pod }) {
    const all = cache.nodes.length;
    const images = imagesOf(pod)
      .map((image): [string, number] => [image, cache.nodesWithImage(image) / all])
      .filter(([, spread]) => spread > 0);
    if (images.length === 0) return skip;
    const containers = pod.spec.containers.length + (pod.spec.initContainers ?? []).length;
    state.write(key, { images, most: mostBytesOfContainer * containers });
    return undefined;
  },
  score(state, _pod, node) {
    const read = state.read(key);
    if (!read) return 0;
    let sum = 0;
    for (const [image, spread] of read.images)
      sum += Math.floor((node.images.get(image) ?? 0) * spread);
    const bounded = Math.min(Math.max(sum, leastBytes), read.most);
    return Math.floor((maxScore * (bounded - leastBytes)) / (read.most - leastBytes));
  },
});
