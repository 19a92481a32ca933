import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ok, type TestCluster, until } from '../../e2e/node.ts';
import { type Application, type Image, manifest } from './application.ts';

const version = 'v0.85.0';
const image = 'quay.io/prometheus/prometheus:v3.16.0';
const objects = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: prometheus}
rules:
- {apiGroups: [''], resources: [nodes/metrics], verbs: [get]}
- {apiGroups: [''], resources: [services, endpoints, pods, nodes], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {nonResourceURLs: [/metrics, /metrics/slis], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: prometheus}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: prometheus}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: default}]
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: k8s, namespace: default}
spec:
  image: ${image}
  version: v3.16.0
  replicas: 1
  serviceAccountName: prometheus
  serviceMonitorSelector: {}
  serviceMonitorNamespaceSelector: {}
  ruleSelector: {}
  ruleNamespaceSelector: {}
  scrapeInterval: 10s
  storage:
    volumeClaimTemplate:
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 256Mi}}}
`;
const files = [
  'kubernetesControlPlane-serviceMonitorApiserver.yaml',
  'kubernetesControlPlane-serviceMonitorKubelet.yaml',
  'kubernetesControlPlane-prometheusRule.yaml',
];

interface Answer {
  data: {
    activeTargets: { health: string; scrapeUrl: string; lastError: string }[];
    result: { metric: Record<string, string>; value: [number, string] }[];
    groups: { rules: { health: string; name: string; lastError?: string }[] }[];
  };
}
function ask(cluster: TestCluster, path: string): Answer['data'] {
  const pod = '/api/v1/namespaces/default/pods/prometheus-k8s-0:9090/proxy/api/v1';
  return (JSON.parse(cluster.k('get', '--raw', `${pod}/${path}`)) as Answer).data;
}
const query = (cluster: TestCluster, text: string): Answer['data']['result'] =>
  ask(cluster, `query?query=${encodeURIComponent(text)}`).result;

/** What the rules and dashboards of kube-prometheus ask for, and what this cluster answers. */
const questions = [
  'up{job="apiserver"} == 1',
  'up{job="kubelet",metrics_path="/metrics/cadvisor"} == 1',
  'sum by (namespace) (rate(container_cpu_usage_seconds_total{job="kubelet",image!=""}[2m])) > 0',
  'sum by (pod) (container_memory_working_set_bytes{job="kubelet",container!=""}) > 0',
  'sum(rate(container_network_receive_bytes_total{job="kubelet"}[2m])) > 0',
  'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim=~"prometheus-.*"} > 0',
  'kubelet_node_name{job="kubelet"}',
  'sum(rate(apiserver_request_total{job="apiserver"}[2m])) > 0',
  'histogram_quantile(0.99, sum by (le) (rate(apiserver_request_sli_duration_seconds_bucket[2m])))',
  'sum by (name) (rate(workqueue_adds_total{job="apiserver"}[2m])) > 0',
  'scheduler_schedule_attempts_total{result="scheduled"} > 0',
];

/** The operator makes a Prometheus with a disk, which reads the whole cluster. */
export const prometheus: Application = {
  name: `prometheus-operator ${version} and Prometheus 3.16`,
  needs: [
    'prometheus-operator',
    'prometheus-config-reloader',
    'prometheus',
    'manifests/prometheus',
  ],
  images: (): Image[] => [
    {
      name: `quay.io/prometheus-operator/prometheus-operator:${version}`,
      programs: { '/bin/operator': 'prometheus-operator' },
    },
    {
      name: `quay.io/prometheus-operator/prometheus-config-reloader:${version}`,
      programs: { '/bin/prometheus-config-reloader': 'prometheus-config-reloader' },
    },
    { name: image, programs: { '/bin/prometheus': 'prometheus' } },
  ],
  install(cluster, folder) {
    const at = (name: string): string => join(folder, 'manifests/prometheus', name);
    // It keeps the Endpoints of all kubelets; kube-prometheus asks for that by these flags.
    const kubelets = '--kubelet-service=kube-system/kubelet\n        - --kubelet-endpoints=true';
    const bundle = manifest(at('bundle.yaml'), [
      /- --prometheus-config-reloader=/g,
      `- ${kubelets}\n        - --prometheus-config-reloader=`,
    ]);
    ok(['tee', join(cluster.node.disk, 'bundle.yaml')], { input: bundle });
    cluster.k('apply', '--server-side', '-f', join(cluster.node.disk, 'bundle.yaml'));
    cluster.k('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s');
    cluster.k('create', 'namespace', 'monitoring');
    for (const file of files) cluster.apply(readFileSync(at(file), 'utf8'), '--server-side');
    cluster.apply(objects);
  },
  async check(cluster) {
    cluster.k('rollout', 'status', 'deployment/prometheus-operator', '--timeout=120s');
    const seen = (): string => cluster.kubectl(['get', 'pods,events']).stdout.slice(-3000);
    await until(
      'it runs',
      () => cluster.kubectl(['get', 'pod', 'prometheus-k8s-0']).stdout.includes('2/2'),
      { timeoutMs: 180_000, seen },
    );
    let down: Answer['data']['activeTargets'] = [];
    await until(
      'all targets are up: the API server, and four paths of the kubelet',
      () => {
        const { activeTargets } = ask(cluster, 'targets?state=active');
        down = activeTargets.filter(({ health }) => health !== 'up');
        return activeTargets.length >= 5 && down.length === 0;
      },
      { timeoutMs: 120_000, seen: () => JSON.stringify(down).slice(0, 2000) },
    );
    let unanswered: string[] = [];
    await until(
      'every question is answered',
      () => {
        unanswered = questions.filter((question) => query(cluster, question).length === 0);
        return unanswered.length === 0;
      },
      { timeoutMs: 120_000, seen: () => unanswered.join('\n') },
    );
    const { groups } = ask(cluster, 'rules');
    const ill = groups.flatMap(({ rules }) => rules.filter(({ health }) => health === 'err'));
    if (groups.length === 0 || ill.length > 0)
      throw new Error(`rules: ${JSON.stringify(ill).slice(0, 1000)}`);
  },
};
