import { table } from '../base/own.ts';
import type { ControllerSettings, SchedulerSettings } from '../supervisor/config.ts';
import { apiServerArgs, type ApiServerArgs } from './component-args/api-server.ts';
import { settledAudit } from './component-args/api-server-audit.ts';
import { checkAuthentication } from './component-args/api-server-authentication.ts';
import { checkAuthorization } from './component-args/api-server-authorization.ts';
import { controllerManagerArgs } from './component-args/controllers.ts';
import { kubeletArgs, type KubeletSettings } from './component-args/kubelet.ts';
import {
  cloudControllerArgs,
  etcdArgs,
  helmControllerArgs,
  proxyArgs,
  schedulerArgs,
  type EtcdSettings,
} from './component-args/others.ts';
import { readArgs, type ArgTable } from './component-args/table.ts';
import type { Settings } from './settings.ts';

type Warn = (line: string) => void;

/** Where k3s serves etcd's metrics. */
const etcdMetricsUrl = 'http://0.0.0.0:2381';

/** What was said to the kubelet and to kube-proxy. */
export function kubeletSettings(settings: Settings, warn: Warn): KubeletSettings {
  read('kube-proxy-arg', proxyArgs, {}, { settings, warn });
  const said = read<KubeletSettings>(
    'kubelet-arg',
    kubeletArgs,
    { options: {} },
    { settings, warn },
  );
  const soft = Object.keys(said.options.eviction?.soft ?? {});
  const graced = Object.keys(said.options.eviction?.softGraceMs ?? {});
  const lacking = soft.filter((signal) => !graced.includes(signal));
  if (lacking.length > 0)
    warn(
      `--kubelet-arg: eviction-soft: ${lacking.join(', ')} has no eviction-soft-grace-period ` +
        'and evicts at once',
    );
  const { highShare = 0.85, lowShare = 0.8 } = said.options.imageGc ?? {};
  if (lowShare < highShare) return said;
  warn(
    '--kubelet-arg: image-gc-low-threshold must be below image-gc-high-threshold; both are ' +
      'as they are by default',
  );
  const { leastAgeMs } = said.options.imageGc ?? {};
  return {
    ...said,
    options: { ...said.options, imageGc: leastAgeMs === undefined ? {} : { leastAgeMs } },
  };
}

/** What was said to the programs of the control plane. */
export function serverArgs(
  settings: Settings,
  warn: Warn,
): {
  apiServer: ApiServerArgs;
  controllers: ControllerSettings;
  scheduler: SchedulerSettings;
  etcdTuning: EtcdSettings;
} {
  const from = { settings, warn };
  const etcdTuning = read(
    'etcd-arg',
    etcdArgs,
    settings.get('etcd-expose-metrics') === true ? { 'listen-metrics-urls': etcdMetricsUrl } : {},
    from,
  );
  read('kube-cloud-controller-manager-arg', cloudControllerArgs, {}, from);
  read('helm-controller-arg', helmControllerArgs, {}, from);
  return {
    apiServer: apiServerSettings(from),
    controllers: read('kube-controller-manager-arg', controllerManagerArgs, {}, from),
    scheduler: read<SchedulerSettings>('kube-scheduler-arg', schedulerArgs, {}, from),
    etcdTuning,
  };
}

function apiServerSettings(from: From): ApiServerArgs {
  const said = read<ApiServerArgs>('kube-apiserver-arg', apiServerArgs, {}, from);
  checkAuthentication(said);
  checkAuthorization(said, from.warn);
  return settledAudit(said, from.warn);
}

/** Flags of k3s that it still takes under their former names. */
const oldNames: Record<string, string[]> = table({
  'kube-controller-manager-arg': ['kube-controller-arg'],
  'kube-cloud-controller-manager-arg': ['kube-cloud-controller-arg'],
});

interface From {
  settings: Settings;
  warn: Warn;
}

function read<T>(flag: string, table: ArgTable<T>, start: T, { settings, warn }: From): T {
  const args = [flag, ...(oldNames[flag] ?? [])].flatMap((name) => settings.get(name) ?? []);
  return readArgs(flag, args.map(String), { table, settings: start, warn });
}
