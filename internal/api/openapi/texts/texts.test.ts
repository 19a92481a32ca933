import { describe, expect, test } from 'vitest';
import { builtinScheme } from '../../scheme.ts';
import { OpenApiDocuments } from '../documents.ts';
import { clusterTexts } from './cluster.ts';
import { containerTexts } from './containers.ts';
import { otherTexts } from './others.ts';
import { podTexts } from './pods.ts';
import { entriesOf, writtenText } from './texts.ts';
import { volumeTexts } from './volumes.ts';
import { workloadTexts } from './workloads.ts';

type Definition = { description?: string; properties?: Record<string, { description?: string }> };
const document = JSON.parse(new OpenApiDocuments(builtinScheme()).v2Json().body.toString()) as { definitions: Record<string, Definition> };
const entries = [podTexts, containerTexts, volumeTexts, workloadTexts, clusterTexts, otherTexts].flatMap((text) => [...entriesOf(text)]);
const short = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

const kinds = [
  ...['Pod', 'Service', 'ConfigMap', 'Secret', 'PersistentVolumeClaim', 'PersistentVolume', 'Namespace', 'Node', 'ServiceAccount', 'ResourceQuota', 'LimitRange'].map((kind) => `core.v1.${kind}`),
  ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].map((kind) => `apps.v1.${kind}`),
  ...['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'].map((kind) => `rbac.v1.${kind}`),
  'batch.v1.Job', 'batch.v1.CronJob', 'networking.v1.Ingress', 'networking.v1.NetworkPolicy', 'storage.v1.StorageClass', 'autoscaling.v2.HorizontalPodAutoscaler', 'policy.v1.PodDisruptionBudget',
].map((name) => `io.k8s.api.${name}`);

/** The kinds' types and all that these hold. */
function reached(): string[] {
  const found = new Set(kinds);
  for (const name of found) for (const [, next = ''] of JSON.stringify(document.definitions[name]).matchAll(/"#\/definitions\/([^"]+)"/g)) found.add(next);
  return [...found];
}

/** Of every kind, and told by constants. */
const standard = new Set(['apiVersion', 'kind', 'metadata']);

describe('texts of the kinds that people use', () => {
  test('every type and every field has its own', () => {
    const bare = reached().flatMap((name) => {
      const fields = Object.keys(document.definitions[name]?.properties ?? {}).filter((field) => !standard.has(field) && writtenText(`${short(name)}.${field}`) === undefined);
      return [...(writtenText(short(name)) === undefined ? [short(name)] : []), ...fields.map((field) => `${short(name)}.${field}`)];
    });
    expect(bare).toEqual([]);
  });

  test('they are what is published', () => {
    for (const name of reached()) {
      const { description, properties = {} } = document.definitions[name] ?? {};
      expect(description).toBe(writtenText(short(name)));
      for (const [field, { description: text }] of Object.entries(properties)) if (!standard.has(field)) expect([name, field, text]).toEqual([name, field, writtenText(`${short(name)}.${field}`)]);
    }
  });

  test('each is of a field that is there, is written once, and is a sentence', () => {
    const types = new Map<string, Set<string>>();
    for (const [name, { properties = {} }] of Object.entries(document.definitions)) types.set(short(name), new Set([...(types.get(short(name)) ?? []), ...Object.keys(properties)]));
    const seen = new Set<string>();
    for (const [name, text] of entries) {
      const [type = '', field] = name.split('.');
      expect([name, types.has(type)]).toEqual([name, true]);
      expect([name, seen.has(name)]).toEqual([name, false]);
      expect([name, text]).toEqual([name, expect.stringMatching(/^\S.*\.$/)]);
      seen.add(name);
      // Types that share a line need not have all of its fields.
      if (field !== undefined && !types.get(type)?.has(field)) expect([name, entries.some(([other, same]) => other.endsWith(`.${field}`) && same === text && types.get(other.split('.')[0] ?? '')?.has(field))]).toEqual([name, true]);
    }
  });
});
