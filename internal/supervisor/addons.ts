import type { ResourceRef } from '../api/object.ts';
import { own } from '../base/own.ts';
import type { Client } from '../client/client.ts';
import { eventRecorder, type EventRecorder } from '../client/events.ts';
import type { Doors } from './doors.ts';
import { orUndefined } from './own-objects.ts';

export const addonRef: ResourceRef = {
  group: 'k3s.cattle.io',
  version: 'v1',
  resource: 'addons',
  kind: 'Addon',
  namespaced: true,
};
const namespace = 'kube-system';
const apiVersion = 'k3s.cattle.io/v1';
/** k3s' note of which kinds a file holds. */
const kindsAnnotation = 'addon.k3s.cattle.io/gvks';
const packagedLabel = 'app.kubernetes.io/managed-by';
const name = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

interface Addon {
  metadata: { namespace: string; name: string; uid?: string; labels?: Record<string, string> };
  spec?: { source?: string; checksum?: string };
}

/** What became of a file, as `kubectl -n kube-system get addons` and events show it. */
export interface Addons {
  applying(path: string): Promise<void>;
  applied(path: string, checksum: string, objects: readonly string[]): Promise<void>;
  failed(path: string, error: string): Promise<void>;
  deleted(path: string): Promise<void>;
}

/** An Addon for each file of server/manifests, named after what stands before its first dot. */
export function fileAddons(client: Client, { clock, log }: Pick<Doors, 'clock' | 'log'>): Addons {
  const events = eventRecorder({ client, clock, log, component: 'deploy' });
  const tell = async (
    path: string,
    say: (events: EventRecorder, addon: Addon & { apiVersion: string; kind: string }) => void,
    change?: object,
  ): Promise<void> => {
    const named = addonName(path);
    if (named === undefined) return;
    const body = { spec: { source: path }, ...change };
    const addon = await put(client, named, body);
    say(events, { ...addon, apiVersion, kind: 'Addon' });
  };
  return {
    applying: (path) =>
      tell(path, (to, addon) =>
        to.normal(addon, 'ApplyingManifest', `Applying manifest at "${path}"`),
      ),
    applied: (path, checksum, objects) =>
      tell(
        path,
        (to, addon) => to.normal(addon, 'AppliedManifest', `Applied manifest at "${path}"`),
        {
          metadata: { annotations: { [kindsAnnotation]: kindsOf(objects) } },
          spec: { source: path, checksum },
        },
      ),
    failed: (path, error) =>
      tell(path, (to, addon) =>
        to.warning(addon, 'ApplyManifestFailed', `Applying manifest at "${path}" failed: ${error}`),
      ),
    deleted: async (path) => {
      const named = addonName(path);
      if (named === undefined) return;
      const addon = await orUndefined(client.get<Addon>(addonRef, { namespace, name: named }));
      if (!addon || addon.spec?.source !== path) return;
      events.normal(
        { ...addon, apiVersion, kind: 'Addon' },
        'DeletingManifest',
        `Deleting manifest at "${path}"`,
      );
      await orUndefined(client.delete(addonRef, { namespace, name: named }));
    },
  };
}

/** Undefined where k3s would not take the file's name for an object. */
function addonName(path: string): string | undefined {
  const named = path.slice(path.lastIndexOf('/') + 1).split('.')[0] ?? '';
  return name.test(named) ? named : undefined;
}

/** `apps/v1, Kind=Deployment;/v1, Kind=Service`, as k3s notes it. */
function kindsOf(objects: readonly string[]): string {
  const found = objects.map((key) => {
    const [version = '', kind = ''] = key.split('|');
    return `${version.includes('/') ? version : `/${version}`}, Kind=${kind}`;
  });
  return [...new Set(found)].toSorted().join(';');
}

async function put(client: Client, named: string, body: object): Promise<Addon> {
  const target = { namespace, name: named };
  const patched = await orUndefined(client.patch<Addon>(addonRef, target, { type: 'merge', body }));
  if (patched) return patched;
  const metadata = { ...target, ...own(body as Record<string, object>, 'metadata') };
  return await client.create<Addon>(addonRef, { apiVersion, kind: 'Addon', ...body, metadata });
}

/** Shows which components of the executable are at work; one that is switched off is not shown. */
export async function packagedAddons(
  client: Client,
  components: Readonly<Record<string, boolean>>,
): Promise<void> {
  await Promise.all(
    Object.entries(components).map(async ([named, on]) => {
      const target = { namespace, name: named };
      const there = await orUndefined(client.get<Addon>(addonRef, target));
      const ours = there?.metadata.labels?.[packagedLabel] === 'skiff';
      if (on && !there)
        await client.create(addonRef, {
          apiVersion,
          kind: 'Addon',
          metadata: { ...target, labels: { [packagedLabel]: 'skiff' } },
          spec: { source: 'part of skiff' },
        });
      if (!on && ours) await orUndefined(client.delete(addonRef, target));
    }),
  );
}
