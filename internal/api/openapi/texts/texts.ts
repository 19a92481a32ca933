import { accessTexts } from './access.ts';
import { clusterTexts } from './cluster.ts';
import { containerTexts } from './containers.ts';
import { deviceTexts } from './devices.ts';
import { metaTexts } from './meta.ts';
import { otherTexts } from './others.ts';
import { podTexts } from './pods.ts';
import { policyTexts } from './policies.ts';
import { schemaTexts } from './schemas.ts';
import { storageTexts } from './storage.ts';
import { volumeTexts } from './volumes.ts';
import { workloadTexts } from './workloads.ts';

/**
 * Texts of types and fields. `@TypeA,TypeB words` begins types and says what they are, a line
 * `field words` is a field of all of them. `group/Type` is for that type of the group alone and
 * goes before `Type`; the group is named as in the names of definitions. A line that begins with
 * two spaces goes on with the one before. What is not written here gets words made from its name.
 */
export const texts = [
  podTexts,
  containerTexts,
  volumeTexts,
  workloadTexts,
  clusterTexts,
  otherTexts,
  policyTexts,
  accessTexts,
  deviceTexts,
  storageTexts,
  schemaTexts,
  metaTexts,
];

/**
 * Held weakly: whole documents are written in one go, and hardly ever. In between nothing of the
 * texts is kept.
 */
let read: WeakRef<Map<string, string>> | undefined;

function all(): Map<string, string> {
  const known = read?.deref();
  if (known) return known;
  const made = new Map(texts.flatMap((text) => [...entriesOf(text())]));
  read = new WeakRef(made);
  return made;
}

/** `PodSpec.containers` for a field, `PodSpec` for a type. */
export function writtenText(group: string, name: string): string | undefined {
  const known = all();
  return known.get(`${group}/${name}`) ?? known.get(name);
}

export function* entriesOf(text: string): Generator<[string, string]> {
  let types: string[] = [];
  for (const line of text.trim().replaceAll('\n  ', ' ').split('\n')) {
    const [, name = '', words = ''] = /^(\S+) ?(.*)$/.exec(line) ?? [];
    if (name.startsWith('@')) {
      types = name.slice(1).split(',');
      if (words) for (const type of types) yield [type, words];
    } else for (const type of types) yield [`${type}.${name}`, words];
  }
}
