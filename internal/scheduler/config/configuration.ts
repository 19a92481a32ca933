import { readConfigurationFile, type Fields } from '../../api/codec/configuration-file.ts';
import { ConfigError } from '../../base/errors.ts';
import { extensionPoints } from '../framework/plugin.ts';
import { Complaints } from './complaints.ts';
import { defaultArgs, readArgs, takesArgs, type PluginArgs } from './plugin-args.ts';
import type { PluginSets } from './plugin-sets.ts';

export interface ProfileConfiguration {
  schedulerName: string;
  plugins: PluginSets;
  args: PluginArgs;
  /** 0: by the size of the cluster. */
  percentageOfNodesToScore: number;
}

/** KubeSchedulerConfiguration, as far as it means something here. */
export interface SchedulerConfiguration {
  profiles: readonly ProfileConfiguration[];
  firstBackoffMs: number;
  longestBackoffMs: number;
}

export const defaultConfiguration: SchedulerConfiguration = {
  profiles: [
    {
      schedulerName: 'default-scheduler',
      plugins: {},
      args: defaultArgs,
      percentageOfNodesToScore: 0,
    },
  ],
  firstBackoffMs: 1000,
  longestBackoffMs: 10_000,
};

const plugin: Fields = { name: 'string', weight: 'number' };
const pluginSet: Fields = { enabled: [plugin], disabled: [plugin] };
const fields: Fields = {
  apiVersion: 'string',
  kind: 'string',
  parallelism: 'number',
  leaderElection: 'object',
  clientConnection: 'object',
  enableProfiling: 'boolean',
  enableContentionProfiling: 'boolean',
  delayCacheUntilActive: 'boolean',
  percentageOfNodesToScore: 'number',
  podInitialBackoffSeconds: 'number',
  podMaxBackoffSeconds: 'number',
  extenders: ['object'],
  profiles: [
    {
      schedulerName: 'string',
      percentageOfNodesToScore: 'number',
      plugins: Object.fromEntries(
        [...extensionPoints, 'multiPoint'].map((point) => [point, pluginSet]),
      ),
      pluginConfig: [{ name: 'string', args: 'object' }],
    },
  ],
};

/** Fields that settle how kube-scheduler runs as a program of its own. */
const withoutEffect = [
  'parallelism',
  'leaderElection',
  'clientConnection',
  'enableProfiling',
  'enableContentionProfiling',
  'delayCacheUntilActive',
];

interface ReadProfile {
  schedulerName?: string;
  percentageOfNodesToScore?: number;
  plugins?: PluginSets;
  pluginConfig?: { name?: string; args?: unknown }[];
}

interface Read {
  percentageOfNodesToScore?: number;
  podInitialBackoffSeconds?: number;
  podMaxBackoffSeconds?: number;
  extenders?: unknown[];
  profiles?: ReadProfile[];
}

/**
 * Reads a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1) as YAML or JSON. `known` says
 * which plug-ins there are. Throws a ConfigError with everything that is wrong on one line;
 * `ignored` names the fields that have no effect here.
 */
export function readSchedulerConfiguration(
  text: string,
  known: (plugin: string) => boolean,
): { configuration: SchedulerConfiguration; ignored: string[] } {
  const { read, complaints } = readConfigurationFile(text, {
    kind: 'KubeSchedulerConfiguration',
    versions: ['kubescheduler.config.k8s.io/v1'],
    fields,
    op: 'scheduler.configuration',
  });
  const complain = new Complaints(complaints);
  const said = read as Read;
  const configuration = complaints.length > 0 ? defaultConfiguration : made(said, known, complain);
  if (complain.list.length > 0)
    throw new ConfigError(`KubeSchedulerConfiguration: ${complain.list.join('; ')}`, {
      op: 'scheduler.configuration',
      hint: 'mend the file, or start without --kube-scheduler-arg=config',
    });
  return { configuration, ignored: withoutEffect.filter((field) => Object.hasOwn(read, field)) };
}

function made(
  read: Read,
  known: (plugin: string) => boolean,
  complain: Complaints,
): SchedulerConfiguration {
  const {
    percentageOfNodesToScore: share = 0,
    podInitialBackoffSeconds: first = 1,
    podMaxBackoffSeconds: longest = 10,
  } = read;
  complain.range('percentageOfNodesToScore', share, [0, 100]);
  complain.range('podInitialBackoffSeconds', first, [1, Infinity]);
  if (longest < first || !Number.isInteger(longest))
    complain.say(
      `podMaxBackoffSeconds: Invalid value: ${longest}: must be greater than or equal to ` +
        'podInitialBackoffSeconds',
    );
  if ((read.extenders ?? []).length > 0)
    complain.say('extenders: webhooks of the scheduler are not called here');
  const profiles = (read.profiles ?? [{}]).map((profile, i, all) =>
    profileOf(
      { ...profile, ...(all.length === 1 && { schedulerName: nameOf(profile) }) },
      { share, known, complain: complain.at(`profiles[${i}]`) },
    ),
  );
  checkTogether(profiles, complain);
  return { profiles, firstBackoffMs: first * 1000, longestBackoffMs: longest * 1000 };
}

/** A single profile may leave its name out. */
const nameOf = ({ schedulerName = 'default-scheduler' }: ReadProfile): string => schedulerName;

function profileOf(
  read: ReadProfile,
  from: { share: number; known: (plugin: string) => boolean; complain: Complaints },
): ProfileConfiguration {
  const { complain, known } = from;
  const { schedulerName = '', percentageOfNodesToScore = from.share, plugins = {} } = read;
  if (schedulerName === '') complain.say('schedulerName: Required value');
  complain.range('percentageOfNodesToScore', percentageOfNodesToScore, [0, 100]);
  checkSets(plugins, known, complain.at('plugins'));
  const args: PluginArgs = { ...defaultArgs };
  const seen = new Set<string>();
  for (const [i, { name = '', args: given = {} }] of (read.pluginConfig ?? []).entries()) {
    const at = complain.at(`pluginConfig[${i}]`);
    if (seen.has(name)) at.say(`name: Duplicate value: "${name}"`);
    seen.add(name);
    if (takesArgs(name)) Object.assign(args, { [name]: readArgs(name, given, at.at('args')) });
    else at.say(known(name) ? `args: ${name} takes none` : `name: plugin "${name}" does not exist`);
  }
  return { schedulerName, plugins, args, percentageOfNodesToScore };
}

function checkSets(
  sets: PluginSets,
  known: (plugin: string) => boolean,
  complain: Complaints,
): void {
  for (const point of [...extensionPoints, 'multiPoint'] as const) {
    const seen = new Set<string>();
    const { enabled = [], disabled = [] } = sets[point] ?? {};
    for (const [i, { name = '', weight = 0 }] of enabled.entries()) {
      const at = complain.at(`${point}.enabled[${i}]`);
      if (!known(name)) at.say(`name: plugin "${name}" does not exist`);
      if (seen.has(name)) at.say(`name: Duplicate value: "${name}"`);
      at.range('weight', weight, [0, 2 ** 31 - 1]);
      seen.add(name);
    }
    for (const [i, { name = '' }] of disabled.entries())
      if (name !== '*' && !known(name))
        complain.say(`${point}.disabled[${i}].name: plugin "${name}" does not exist`);
  }
}

function checkTogether(profiles: readonly ProfileConfiguration[], complain: Complaints): void {
  const seen = new Set<string>();
  const sortOf = (p: ProfileConfiguration | undefined): string =>
    JSON.stringify(p?.plugins.queueSort ?? {});
  if (profiles.length === 0) complain.say('profiles: Required value');
  for (const [i, profile] of profiles.entries()) {
    const at = complain.at(`profiles[${i}]`);
    if (seen.has(profile.schedulerName))
      at.say(`schedulerName: Duplicate value: "${profile.schedulerName}"`);
    seen.add(profile.schedulerName);
    if (sortOf(profile) !== sortOf(profiles[0]))
      at.say('plugins.queueSort: must be the same for all profiles');
  }
}
