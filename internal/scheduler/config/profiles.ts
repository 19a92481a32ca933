import { ConfigError } from '../../base/errors.ts';
import type { Handle } from '../framework/handle.ts';
import { extensionPoints, type Plugin } from '../framework/plugin.ts';
import { Profile, type Chosen } from '../framework/profile.ts';
import { defaultPlugins, registry, takesPart } from '../plugins/registry.ts';
import type { ProfileConfiguration, SchedulerConfiguration } from './configuration.ts';
import { enabledPlugins, type Enabled } from './plugin-sets.ts';

export const isPlugin = (name: string): boolean => registry.has(name);

/** Throws a ConfigError when a profile could not schedule. */
export function checkProfiles({ profiles }: SchedulerConfiguration): void {
  for (const profile of profiles) enabledIn(profile);
}

/** Makes the plug-ins of a profile. Throws a ConfigError when the profile could not schedule. */
export function makeProfile(configuration: ProfileConfiguration, handle: Handle): Profile {
  const { schedulerName, args, percentageOfNodesToScore } = configuration;
  const enabled = enabledIn(configuration);
  const made = new Map<string, Plugin>();
  const pluginOf = (name: string): Plugin | undefined => {
    const known = made.get(name);
    if (known) return known;
    const plugin = registry.get(name)?.(args, handle);
    if (plugin) made.set(name, plugin);
    return plugin;
  };
  const chosen = Object.fromEntries(
    extensionPoints.map((point) => [point, enabled[point].map(({ name }) => pluginOf(name))]),
  ) as unknown as Chosen;
  const weights = new Map(enabled.score.map(({ name, weight }) => [name, weight || 1]));
  return new Profile({ schedulerName, chosen, weights, percentageOfNodesToScore });
}

function enabledIn({ schedulerName, plugins }: ProfileConfiguration): Enabled {
  const enabled = enabledPlugins(defaultPlugins, plugins, takesPart);
  const wrong: string[] = [];
  for (const point of extensionPoints)
    for (const { name } of enabled[point])
      if (!takesPart(name, point)) wrong.push(`plugin "${name}" does not extend ${point}`);
  if (enabled.queueSort.length !== 1)
    wrong.push(`one queueSort plugin is needed, not ${enabled.queueSort.length}`);
  if (enabled.bind.length === 0) wrong.push('at least one bind plugin is needed');
  if (wrong.length > 0)
    throw new ConfigError(
      `KubeSchedulerConfiguration: profile "${schedulerName}": ${wrong.join('; ')}`,
      { op: 'scheduler.configuration', hint: 'mend the plugins of the profile' },
    );
  return enabled;
}
