import type { Auth } from './registries.ts';

export interface ContainerdPaths {
  root: string;
  state: string;
  socket: string;
  certsDir: string;
  cniBinDir: string;
  cniConfDir: string;
}

export interface ContainerdSettings {
  paths: ContainerdPaths;
  /** 1 or 2: containerd's major version decides the form of its file. */
  major: number;
  pauseImage: string;
  /** We may not lower oom_score_adj: sandboxes would fail to start with a message about pipes. */
  restrictOomScoreAdj: boolean;
  snapshotter: string;
  /** Registry host -> credentials. */
  credentials: ReadonlyMap<string, Auth>;
  /**
   * RuntimeClass handlers beside runc: name -> binary. `test-handler` is what upstream's tests
   * expect of every node.
   */
  handlers: Record<string, string | undefined>;
}

/**
 * Plug-ins that a node does not need; those for absent file systems only fill the log with errors.
 */
const unwanted = [
  'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.internal.v1.opt',
  'io.containerd.nri.v1.nri',
];

/** A TOML string: JSON's, which leaves one control character as it is. */
const text = (value: string): string => JSON.stringify(value).replaceAll('\x7f', '\\u007F');

/** The whole of config.toml. */
export function containerdConfig(settings: ContainerdSettings): string {
  const { paths } = settings;
  const head = [
    '# Written by skiff at each start; changes are lost.',
    `version = ${settings.major >= 2 ? 3 : 2}`,
    `root = ${text(paths.root)}`,
    `state = ${text(paths.state)}`,
    `disabled_plugins = [${unwanted.map(text).join(', ')}]`,
    '',
    '[grpc]',
    `  address = ${text(paths.socket)}`,
    '',
    '[debug]',
    '  level = "warn"',
    '',
  ];
  return [...head, ...(settings.major >= 2 ? version3(settings) : version2(settings)), ''].join(
    '\n',
  );
}

function version2(settings: ContainerdSettings): string[] {
  const { paths } = settings;
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  return [
    `${cri}]`,
    `  sandbox_image = ${text(settings.pauseImage)}`,
    `  restrict_oom_score_adj = ${settings.restrictOomScoreAdj}`,
    '  stream_server_address = "127.0.0.1"',
    '  stream_server_port = "0"',
    '  enable_unprivileged_ports = true',
    '  enable_unprivileged_icmp = true',
    `${cri}.registry]`,
    `  config_path = ${text(paths.certsDir)}`,
    ...credentials(`${cri}.registry.configs`, settings),
    `${cri}.cni]`,
    `  bin_dir = ${text(paths.cniBinDir)}`,
    `  conf_dir = ${text(paths.cniConfDir)}`,
    `${cri}.containerd]`,
    `  snapshotter = ${text(settings.snapshotter)}`,
    ...runtimes(`${cri}.containerd.runtimes`, settings),
  ];
}

function version3(settings: ContainerdSettings): string[] {
  const { paths } = settings;
  const images = '[plugins."io.containerd.cri.v1.images"';
  const runtime = '[plugins."io.containerd.cri.v1.runtime"';
  return [
    '[plugins."io.containerd.grpc.v1.cri"]',
    '  stream_server_address = "127.0.0.1"',
    '  stream_server_port = "0"',
    `${images}]`,
    `  snapshotter = ${text(settings.snapshotter)}`,
    `${images}.pinned_images]`,
    `  sandbox = ${text(settings.pauseImage)}`,
    `${images}.registry]`,
    `  config_path = ${text(paths.certsDir)}`,
    ...credentials(`${images}.registry.configs`, settings),
    `${runtime}]`,
    `  restrict_oom_score_adj = ${settings.restrictOomScoreAdj}`,
    '  enable_unprivileged_ports = true',
    '  enable_unprivileged_icmp = true',
    `${runtime}.cni]`,
    `  bin_dirs = [${text(paths.cniBinDir)}]`,
    `  conf_dir = ${text(paths.cniConfDir)}`,
    ...runtimes(`${runtime}.containerd.runtimes`, settings),
  ];
}

function credentials(prefix: string, settings: ContainerdSettings): string[] {
  return [...settings.credentials].flatMap(([host, auth]) => [
    `${prefix}.${text(host)}.auth]`,
    ...(['username', 'password', 'auth'] as const).flatMap((key) =>
      auth[key] === undefined ? [] : [`  ${key} = ${text(auth[key])}`],
    ),
    ...(auth.identity_token === undefined
      ? []
      : [`  identitytoken = ${text(auth.identity_token)}`]),
  ]);
}

function runtimes(prefix: string, settings: ContainerdSettings): string[] {
  const all: Record<string, string | undefined> = { runc: undefined, ...settings.handlers };
  return Object.entries(all).flatMap(([name, binary]) => [
    `${prefix}.${text(name)}]`,
    '  runtime_type = "io.containerd.runc.v2"',
    `${prefix}.${text(name)}.options]`,
    '  SystemdCgroup = false',
    ...(binary ? [`  BinaryName = ${text(binary)}`] : []),
  ]);
}
