import { clusterTexts } from './cluster.ts';
import { containerTexts } from './containers.ts';
import { otherTexts } from './others.ts';
import { podTexts } from './pods.ts';
import { volumeTexts } from './volumes.ts';
import { workloadTexts } from './workloads.ts';

/**
 * Texts of types and fields. `@TypeA,TypeB words` begins types and says what they are, a line `field words` is a field of all of them.
 * Read when a document is first asked for; what is not written here gets words made from its name.
 */
let read: Map<string, string> | undefined;

/** `PodSpec.containers` for a field, `PodSpec` for a type. */
export function writtenText(name: string): string | undefined {
  read ??= new Map([podTexts, containerTexts, volumeTexts, workloadTexts, clusterTexts, otherTexts].flatMap((text) => [...entriesOf(text)]));
  return read.get(name);
}

export function* entriesOf(text: string): Generator<[string, string]> {
  let types: string[] = [];
  for (const line of text.trim().split('\n')) {
    const [, name = '', words = ''] = /^(\S+) ?(.*)$/.exec(line) ?? [];
    if (name.startsWith('@')) {
      types = name.slice(1).split(',');
      if (words) for (const type of types) yield [type, words];
    } else for (const type of types) yield [`${type}.${name}`, words];
  }
}
