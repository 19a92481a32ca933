import { extensionPoints, type ExtensionPoint } from '../framework/plugin.ts';

export interface Named {
  name: string;
  weight?: number;
}

export interface PluginSet {
  enabled?: Named[];
  disabled?: Named[];
}

/** What a profile says about plug-ins. */
export type PluginSets = { [P in ExtensionPoint | 'multiPoint']?: PluginSet };

/** The plug-ins of each extension point, in order. */
export type Enabled = { [P in ExtensionPoint]: readonly Named[] };

/** The defaults without what is disabled, with changed weights in place, and the others after. */
function merged(defaults: readonly Named[], { enabled = [], disabled = [] }: PluginSet): Named[] {
  const off = new Set(disabled.map((p) => p.name));
  const own = new Map(enabled.map((p) => [p.name, p]));
  const kept = off.has('*') ? [] : defaults.filter((p) => !off.has(p.name));
  const replaced = new Set(kept.map((p) => p.name).filter((n) => own.has(n)));
  return [
    ...kept.map((p) => own.get(p.name) ?? p),
    ...enabled.filter((p) => !replaced.has(p.name)),
  ];
}

/**
 * What `multiPoint` and the extension points come to (KEP-2786): at a point its own plug-ins that
 * `multiPoint` has too come first, then the rest of `multiPoint`, then its other own ones.
 */
export function enabledPlugins(
  defaults: readonly Named[],
  sets: PluginSets,
  takesPart: (plugin: string, point: ExtensionPoint) => boolean,
): Enabled {
  const everywhere = merged(defaults, sets.multiPoint ?? {});
  const at = (point: ExtensionPoint): Named[] => {
    const { enabled = [], disabled = [] } = sets[point] ?? {};
    const off = new Set(disabled.map((p) => p.name));
    const own = new Set(enabled.map((p) => p.name));
    const shared = off.has('*')
      ? []
      : everywhere.filter((p) => takesPart(p.name, point) && !off.has(p.name));
    const overridden = new Set(shared.map((p) => p.name).filter((n) => own.has(n)));
    return [
      ...enabled.filter((p) => overridden.has(p.name)),
      ...shared.filter((p) => !own.has(p.name)),
      ...enabled.filter((p) => !overridden.has(p.name)),
    ];
  };
  return Object.fromEntries(extensionPoints.map((p) => [p, at(p)])) as unknown as Enabled;
}
