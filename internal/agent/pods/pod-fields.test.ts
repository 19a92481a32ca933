import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { rawType } from '../../api/type-table.ts';
import { containerSecurity } from '../config/security.ts';
import { projectedFiles } from '../volumes/plugins/projected.ts';
import { refusalOf } from './admission.ts';
import { unsupported } from './unsupported.ts';

/**
 * Every field by which a pod may ask something of its node. It is carried out, by the part that is
 * named, or it is `refused` with a reason that users see, or it is not for a node. A new field of
 * the API fails this test until somebody has decided.
 */
const fields: Record<string, Record<string, string>> = {
  PodSpec: {
    volumes: 'volumes/',
    containers: 'pods/pod-actions',
    initContainers: 'pods/init-actions',
    ephemeralContainers: 'pods/pod-actions',
    restartPolicy: 'pods/restart-policy',
    terminationGracePeriodSeconds: 'pods/stop',
    activeDeadlineSeconds: 'pods/worker',
    dnsPolicy: 'config/pod-dns',
    dnsConfig: 'config/pod-dns',
    hostNetwork: 'config/security',
    hostPID: 'config/security',
    hostIPC: 'config/security',
    shareProcessNamespace: 'config/security',
    securityContext: 'below',
    imagePullSecrets: 'images/image-puller',
    hostname: 'config/hostname',
    subdomain: 'config/hostname',
    setHostnameAsFQDN: 'config/hostname',
    hostnameOverride: 'config/hostname',
    hostAliases: 'volumes/hosts-file',
    readinessGates: 'status/conditions',
    runtimeClassName: 'pods/start-sandbox',
    enableServiceLinks: 'env/service-links',
    overhead: 'config/resources',
    os: 'pods/admission',
    resources: 'config/resources',
    nodeSelector: 'pods/admission',
    affinity: 'pods/admission',
    tolerations: 'not for a node: the taint eviction controller',
    priority: 'gc/eviction',
    priorityClassName: 'config/resources',
    nodeName: 'feed-pods',
    serviceAccountName: 'volumes/token-source',
    serviceAccount: 'not for a node: an older name of serviceAccountName',
    automountServiceAccountToken: 'not for a node: admission',
    schedulerName: 'not for a node: scheduler',
    preemptionPolicy: 'not for a node: scheduler',
    topologySpreadConstraints: 'not for a node: scheduler',
    schedulingGates: 'not for a node: scheduler',
    schedulingGroup: 'not for a node: dropped by the API server, its feature is off',
    hostUsers: 'refused',
    resourceClaims: 'refused',
  },
  Container: {
    name: 'pods/pod-actions',
    image: 'images/',
    command: 'config/container-config',
    args: 'config/container-config',
    workingDir: 'config/container-config',
    ports: 'network/proxy',
    env: 'env/',
    envFrom: 'env/',
    resources: 'config/resources',
    resizePolicy: 'pods/resize',
    restartPolicy: 'pods/restart-policy',
    restartPolicyRules: 'below',
    volumeMounts: 'volumes/container-mounts',
    livenessProbe: 'probes/',
    readinessProbe: 'probes/',
    startupProbe: 'probes/',
    lifecycle: 'below',
    terminationMessagePath: 'pods/termination-message',
    terminationMessagePolicy: 'pods/termination-message',
    imagePullPolicy: 'images/',
    securityContext: 'below',
    stdin: 'config/container-config',
    stdinOnce: 'config/container-config',
    tty: 'config/container-config',
    volumeDevices: 'volumes/container-mounts',
  },
  ContainerRestartRule: {
    action: 'pods/restart-policy; RestartAllContainers is refused',
    exitCodes: 'pods/restart-policy',
  },
  Lifecycle: { postStart: 'hooks/', preStop: 'hooks/', stopSignal: 'config/container-config' },
  LifecycleHandler: { exec: 'hooks/', httpGet: 'hooks/', tcpSocket: 'hooks/', sleep: 'hooks/' },
  ProbeHandler: { exec: 'probes/', httpGet: 'probes/', tcpSocket: 'probes/', grpc: 'probes/' },
  Probe: {
    initialDelaySeconds: 'probes/',
    timeoutSeconds: 'probes/',
    periodSeconds: 'probes/',
    successThreshold: 'probes/',
    failureThreshold: 'probes/',
    terminationGracePeriodSeconds: 'pods/stop',
  },
  ResourceRequirements: {
    limits: 'config/resources',
    requests: 'config/resources',
    claims: "refused with the pod's resourceClaims",
  },
  SecurityContext: {
    capabilities: 'config/security',
    privileged: 'config/security',
    seLinuxOptions: 'config/security',
    runAsUser: 'config/security',
    runAsGroup: 'config/security',
    runAsNonRoot: 'config/security',
    readOnlyRootFilesystem: 'config/security',
    allowPrivilegeEscalation: 'config/security',
    procMount: 'config/security',
    seccompProfile: 'config/security',
    appArmorProfile: 'pods/admission and config/security',
    windowsOptions: 'not for a node: Linux only',
  },
  PodSecurityContext: {
    seLinuxOptions: 'config/security',
    runAsUser: 'config/security',
    runAsGroup: 'config/security',
    runAsNonRoot: 'config/security',
    supplementalGroups: 'config/security',
    supplementalGroupsPolicy: 'refused',
    fsGroup: 'volumes/ownership',
    fsGroupChangePolicy: 'volumes/plugins/bound-volume',
    sysctls: 'pods/admission',
    seccompProfile: 'config/security',
    appArmorProfile: 'refused',
    seLinuxChangePolicy: 'not for a node: the runtime relabels, whatever it says',
    windowsOptions: 'not for a node: Linux only',
  },
  VolumeMount: {
    name: 'volumes/container-mounts',
    readOnly: 'volumes/container-mounts',
    mountPath: 'volumes/container-mounts',
    subPath: 'volumes/safe-sub-path',
    subPathExpr: 'volumes/safe-sub-path',
    mountPropagation: 'volumes/container-mounts',
    recursiveReadOnly: 'volumes/container-mounts: Enabled is refused where the runtime lacks it',
  },
  VolumeSource: {
    hostPath: 'volumes/plugins/host-path',
    emptyDir: 'volumes/plugins/empty-dir',
    secret: 'volumes/plugins/secret',
    configMap: 'volumes/plugins/config-map',
    downwardAPI: 'volumes/plugins/downward-api',
    projected: 'below',
    persistentVolumeClaim: 'volumes/plugins/persistent-volume-claim',
    ephemeral: 'volumes/plugins/ephemeral',
    image: 'volumes/plugins/image',
    csi: 'volumes/plugins/csi: no driver is registered',
    ...Object.fromEntries(
      (
        'gcePersistentDisk awsElasticBlockStore gitRepo nfs iscsi glusterfs rbd flexVolume ' +
        'cinder cephfs flocker fc azureFile vsphereVolume quobyte azureDisk ' +
        'photonPersistentDisk portworxVolume scaleIO storageos'
      )
        .split(' ')
        .map((name) => [name, 'volumes/plugins: no volume plugin matched']),
    ),
  },
  VolumeProjection: {
    secret: 'volumes/plugins/secret',
    configMap: 'volumes/plugins/config-map',
    downwardAPI: 'volumes/plugins/downward-api',
    serviceAccountToken: 'volumes/plugins/service-account-token',
    clusterTrustBundle: 'volumes/plugins/cluster-trust-bundle',
    podCertificate: 'refused',
  },
  EnvVarSource: {
    fieldRef: 'env/downward',
    resourceFieldRef: 'env/downward',
    configMapKeyRef: 'env/',
    secretKeyRef: 'env/',
    fileKeyRef: 'env/env-file',
  },
  EnvFromSource: { prefix: 'env/', configMapRef: 'env/', secretRef: 'env/' },
};

const pod = (spec: object, more: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
    status: {},
    ...more,
  }) as Pod;
const container = (more: object): object => ({ containers: [{ name: 'c', image: 'i', ...more }] });
const admitted = (p: Pod, facts = {}) =>
  refusalOf({ pod: p, node: undefined, allocatable: {}, others: [], unsafeSysctls: [], facts });

describe('every field of a pod', () => {
  it.each(Object.keys(fields))('is decided about: %s', (type) => {
    const known = (rawType(`io.k8s.api.core.v1.${type}`).f ?? [])
      .filter((f) => !f.inl)
      .map((f) => f.n);
    expect([...known].sort()).toEqual(Object.keys(fields[type]!).sort());
  });
});

describe('what the node cannot do', () => {
  it.each([
    ['a user namespace', { hostUsers: false }, 'FailedCreatePodSandBox'],
    [
      'a claim that is not there',
      { resourceClaims: [{ name: 'gpu', resourceClaimName: 'absent' }] },
      'FailedPrepareDynamicResources',
    ],
    [
      'a claim of a template',
      { resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 't' }] },
      'FailedPrepareDynamicResources',
    ],
    [
      'the restart of all containers',
      container({
        restartPolicy: 'Never',
        restartPolicyRules: [
          { action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [1] } },
        ],
      }),
      'FailedCreatePodContainer',
    ],
  ])('makes the pod wait: %s', (_what, spec, reason) => {
    expect(unsupported(pod(spec))?.reason).toBe(reason);
  });

  it.each([
    [
      'strict groups',
      { securityContext: { supplementalGroupsPolicy: 'Strict' } },
      'SupplementalGroupsPolicyNotSupported',
    ],
    [
      'AppArmor of the pod',
      { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } },
      'AppArmor',
    ],
    [
      'AppArmor of a container',
      container({
        securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'x' } },
      }),
      'AppArmor',
    ],
    [
      'a sysctl of the host',
      {
        hostNetwork: true,
        securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '0' }] },
      },
      'SysctlForbidden',
    ],
    [
      'a sysctl of the host, by its path',
      {
        hostIPC: true,
        securityContext: { sysctls: [{ name: 'kernel/shm_rmid_forced', value: '0' }] },
      },
      'SysctlForbidden',
    ],
    ['Windows', { os: { name: 'windows' } }, 'PodOSNotSupported'],
  ])('makes the pod fail: %s', (_what, spec, reason) => {
    expect(admitted(pod(spec))?.reason).toBe(reason);
  });

  it('is not asked of a pod that does not need it', async () => {
    for (const spec of [
      {},
      { hostUsers: true },
      { resourceClaims: [] },
      {
        securityContext: {
          supplementalGroupsPolicy: 'Merge',
          appArmorProfile: { type: 'Unconfined' },
        },
      },
    ]) {
      expect([unsupported(pod(spec)), admitted(pod(spec))]).toEqual([undefined, undefined]);
    }
    const needless = { status: { resourceClaimStatuses: [{ name: 'gpu' }] } };
    expect(
      unsupported(
        pod({ resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 't' }] }, needless),
      ),
    ).toBeUndefined();
    const able = { appArmor: true, supplementalGroupsPolicy: true };
    expect(
      admitted(
        pod({
          securityContext: {
            supplementalGroupsPolicy: 'Strict',
            appArmorProfile: { type: 'RuntimeDefault' },
          },
        }),
        able,
      ),
    ).toBeUndefined();
  });

  it('is told for a projected pod certificate', async () => {
    const volume = {
      name: 'v',
      projected: { sources: [{ podCertificate: { signerName: 'a/b', keyType: 'ED25519' } }] },
    };
    await expect(
      projectedFiles(pod({}), volume.projected.sources as never, {} as never),
    ).rejects.toThrow('podCertificate');
  });

  it('keeps an AppArmor profile that the pod names', () => {
    const security = containerSecurity({
      pod: pod({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }),
      container: { name: 'c', resources: {} },
      image: { uid: 0 },
      node: { seccompRoot: '' } as never,
    });
    expect(security.apparmorProfile).toBe('runtime/default');
  });
});
