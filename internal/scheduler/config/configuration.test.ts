import { describe, expect, it } from 'vitest';
import { CycleState } from '../framework/cycle-state.ts';
import { podInfo } from '../cache/pod-info.ts';
import { node, pod, TestCluster } from '../testing/cluster.ts';
import { readSchedulerConfiguration, type SchedulerConfiguration } from './configuration.ts';
import { checkProfiles, isPlugin } from './profiles.ts';

const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';
const read = (text: string): SchedulerConfiguration => {
  const { configuration } = readSchedulerConfiguration(head + text, isPlugin);
  checkProfiles(configuration);
  return configuration;
};
const wrong = (text: string): string => {
  try {
    read(text);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
};
const clusterOf = (text: string): TestCluster => {
  const [profile] = read(text).profiles;
  return new TestCluster({}, { profile: profile! });
};

describe('KubeSchedulerConfiguration', () => {
  it('without profiles is the default scheduler’s', () => {
    expect(read('podMaxBackoffSeconds: 60\npercentageOfNodesToScore: 30')).toMatchObject({
      longestBackoffMs: 60_000,
      profiles: [{ schedulerName: 'default-scheduler', percentageOfNodesToScore: 30 }],
    });
  });

  it('enables every plug-in of 1.36 at its points in Kubernetes’ order', () => {
    const { plugins } = clusterOf('').profile;
    const names = (point: keyof typeof plugins): string[] => plugins[point].map((p) => p.name);
    expect(names('filter')).toEqual([
      'NodeUnschedulable',
      'NodeName',
      'TaintToleration',
      'NodeAffinity',
      'NodePorts',
      'NodeResourcesFit',
      'VolumeRestrictions',
      'NodeVolumeLimits',
      'VolumeBinding',
      'VolumeZone',
      'PodTopologySpread',
      'InterPodAffinity',
      'DynamicResources',
      'NodeDeclaredFeatures',
    ]);
    expect(names('score')).toEqual([
      'TaintToleration',
      'NodeAffinity',
      'NodeResourcesFit',
      'PodTopologySpread',
      'InterPodAffinity',
      'DynamicResources',
      'NodeResourcesBalancedAllocation',
      'ImageLocality',
    ]);
    expect(names('postFilter')).toEqual(['DynamicResources', 'DefaultPreemption']);
    expect(names('preEnqueue')).toEqual([
      'SchedulingGates',
      'DynamicResources',
      'DefaultPreemption',
    ]);
    expect(new Set(Object.values(plugins).flatMap((p) => p.map((one) => one.name))).size).toBe(20);
  });

  it('lists for each plug-in the points that it takes part in', () => {
    const { profile } = clusterOf('');
    for (const [point, plugins] of Object.entries(profile.plugins))
      for (const plugin of plugins) expect(plugin[point as 'filter']).toBeTypeOf('function');
    // And none that it could take part in is left out.
    const made = new Set(Object.values(profile.plugins).flat());
    for (const plugin of made)
      for (const [point, plugins] of Object.entries(profile.plugins))
        if (plugin[point as 'filter']) expect(plugins.map((p) => p.name)).toContain(plugin.name);
  });

  it('disables and reorders plug-ins as multiPoint and the points say', () => {
    const names = (text: string, point: 'filter' | 'score'): string[] =>
      clusterOf(`profiles:\n- plugins:\n${text}`).profile.plugins[point].map((p) => p.name);
    const off = '    multiPoint: {disabled: [{name: TaintToleration}]}';
    expect(names(off, 'filter')).not.toContain('TaintToleration');
    expect(names(off, 'score')).not.toContain('TaintToleration');
    const here = '    score: {disabled: [{name: TaintToleration}]}';
    expect(names(here, 'filter')).toContain('TaintToleration');
    expect(names(here, 'score')).not.toContain('TaintToleration');
    const alone =
      '    score: {disabled: [{name: "*"}], enabled: [{name: ImageLocality, weight: 5}]}';
    expect(names(alone, 'score')).toEqual(['ImageLocality']);
    const first = '    filter: {enabled: [{name: NodePorts}]}';
    expect(names(first, 'filter').slice(0, 2)).toEqual(['NodePorts', 'NodeUnschedulable']);
  });

  it('weighs as it is told', () => {
    const total = (weight: number): number => {
      const cluster = clusterOf(
        'profiles:\n- plugins:\n    score:\n      disabled: [{name: "*"}]\n' +
          `      enabled: [{name: NodeResourcesFit, weight: ${weight}}]`,
      )
        .with(node('a'))
        .with(node('b'));
      const totals = cluster.profile.score(
        new CycleState(),
        podInfo(pod('1')),
        cluster.cache.nodes,
      );
      return (totals as number[])[0] ?? 0;
    };
    expect(total(3)).toBe(3 * total(1));
  });

  it('gives arguments to plug-ins', () => {
    const config = (name: string, args: string): string =>
      `profiles:\n- pluginConfig:\n  - name: ${name}\n    args: ${args}`;
    const added =
      '{addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: ' +
      '[{matchExpressions: [{key: edge, operator: Exists}]}]}}}';
    const affine = clusterOf(config('NodeAffinity', added))
      .with(node('a'))
      .with(node('b', { labels: { edge: '' } }));
    expect(affine.place(pod('1m'))).toBe('b');
    const spread =
      '{defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: zone, ' +
      'whenUnsatisfiable: DoNotSchedule}]}';
    expect(read(config('PodTopologySpread', spread)).profiles[0]?.args.PodTopologySpread).toEqual({
      systemDefaulted: false,
      defaultConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    });
    const ignoring = '{ignoredResources: [example.com/gpu]}';
    const blind = clusterOf(config('NodeResourcesFit', ignoring)).with(node('a'));
    const wanting = { requests: { 'example.com/gpu': '1' } };
    const containers = [{ name: 'c', resources: wanting }] as never;
    expect(blind.place(pod(undefined, { containers }))).toBe('a');
    expect(new TestCluster().with(node('a')).place(pod(undefined, { containers }))).toContain(
      'Insufficient example.com/gpu',
    );
  });

  it('is refused in one line that says where', () => {
    const profile = (text: string): string => wrong(`profiles:\n- ${text}`);
    expect(wrong('podInitialBackoffSeconds: 0')).toContain('podInitialBackoffSeconds: Invalid');
    expect(wrong('podInitialBackoffSeconds: 20')).toContain(
      'podMaxBackoffSeconds: Invalid value: 10',
    );
    expect(wrong('percentageOfNodesToScore: 101')).toContain('not in valid range [0, 100]');
    expect(wrong('colour: red')).toContain('unknown field "colour"');
    expect(wrong('extenders: [{urlPrefix: "http://x"}]')).toContain('extenders: ');
    expect(profile('plugins: {filter: {enabled: [{name: Mine}]}}')).toContain(
      'profiles[0].plugins.filter.enabled[0].name: plugin "Mine" does not exist',
    );
    expect(profile('plugins: {score: {enabled: [{name: NodePorts}]}}')).toContain(
      'plugin "NodePorts" does not extend score',
    );
    expect(profile('plugins: {bind: {disabled: [{name: "*"}]}}')).toContain(
      'at least one bind plugin is needed',
    );
    expect(profile('pluginConfig: [{name: NodePorts, args: {}}]')).toContain('takes none');
    expect(
      profile('pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]'),
    ).toContain('args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]');
    expect(
      profile('pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Best}}}]'),
    ).toContain('Unsupported value: "Best"');
    expect(
      profile('pluginConfig: [{name: VolumeBinding, args: {kind: NodeAffinityArgs}}]'),
    ).toContain('has to match plugin args');
    expect(wrong('profiles: [{schedulerName: a}, {schedulerName: a}]')).toContain(
      'profiles[1].schedulerName: Duplicate value: "a"',
    );
    expect(wrong('profiles: [{}, {schedulerName: a}]')).toContain(
      'profiles[0].schedulerName: Required value',
    );
    for (const text of ['colour: red', 'podInitialBackoffSeconds: 0', 'profiles: 7'])
      expect(wrong(text)).not.toMatch(/\n/);
    expect(() => readSchedulerConfiguration('kind: [', isPlugin)).toThrow();
    expect(() => readSchedulerConfiguration('kind: Pod\napiVersion: v1', isPlugin)).toThrow(
      /no kind "Pod" is registered/,
    );
  });

  it('says which fields have no effect', () => {
    const { ignored } = readSchedulerConfiguration(
      `${head}leaderElection: {leaderElect: true}\nparallelism: 4`,
      isPlugin,
    );
    expect(ignored).toEqual(['parallelism', 'leaderElection']);
  });
});
