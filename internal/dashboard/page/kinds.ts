import type { Kind } from './paths.ts';

const kind = (
  group: string,
  version: string,
  resource: string,
  name: string,
  scope = 'ns',
): Kind => ({ group, version, resource, kind: name, namespaced: scope === 'ns' });

export const nodes = kind('', 'v1', 'nodes', 'Node', 'cluster');
export const namespaces = kind('', 'v1', 'namespaces', 'Namespace', 'cluster');
export const pods = kind('', 'v1', 'pods', 'Pod');
export const events = kind('', 'v1', 'events', 'Event');
export const secrets = kind('', 'v1', 'secrets', 'Secret');
const configMaps = kind('', 'v1', 'configmaps', 'ConfigMap');

/** Views that are lists, in the order of the menu. */
export const menu: { title: string; kinds: [string, Kind][] }[] = [
  { title: 'News', kinds: [['Events', events]] },
  {
    title: 'Workloads',
    kinds: [
      ['Pods', pods],
      ['Deployments', kind('apps', 'v1', 'deployments', 'Deployment')],
      ['StatefulSets', kind('apps', 'v1', 'statefulsets', 'StatefulSet')],
      ['DaemonSets', kind('apps', 'v1', 'daemonsets', 'DaemonSet')],
      ['Jobs', kind('batch', 'v1', 'jobs', 'Job')],
      ['CronJobs', kind('batch', 'v1', 'cronjobs', 'CronJob')],
    ],
  },
  {
    title: 'Ports',
    kinds: [
      ['Services', kind('', 'v1', 'services', 'Service')],
      ['Ingresses', kind('networking.k8s.io', 'v1', 'ingresses', 'Ingress')],
    ],
  },
  {
    title: 'Storage',
    kinds: [
      ['Claims', kind('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim')],
      ['Volumes', kind('', 'v1', 'persistentvolumes', 'PersistentVolume', 'cluster')],
      ['Classes', kind('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', 'cluster')],
    ],
  },
  {
    title: 'Certificates',
    kinds: [
      [
        'Signing requests',
        kind(
          'certificates.k8s.io',
          'v1',
          'certificatesigningrequests',
          'CertificateSigningRequest',
          'cluster',
        ),
      ],
    ],
  },
  {
    title: 'Configuration',
    kinds: [
      ['ConfigMaps', configMaps],
      ['Secrets', secrets],
    ],
  },
];

export const scalable = new Set(['deployments.apps', 'statefulsets.apps', 'replicasets.apps']);
export const restartable = new Set(['deployments.apps', 'statefulsets.apps', 'daemonsets.apps']);
export const idOf = ({ group, resource }: Kind): string =>
  group === '' ? resource : `${resource}.${group}`;
