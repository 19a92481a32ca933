import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import type { Pod, ServiceAccount, Volume } from '../../api/generated/types/core-v1.ts';
import { referencesOf } from '../authz/pod-references.ts';
import { generatedName } from '../registry/create.ts';
import type { Core } from '../registry/core.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import { lookup } from './lookup.ts';
import { on, onPodCreate } from './on.ts';
import { refusal } from './refusal.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const tokenSeconds = 3607;

/**
 * Every pod runs as a service account and finds its token in the usual place (plugin
 * ServiceAccount).
 */
export function serviceAccount(core: Core): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    handles: (attributes) =>
      onPodCreate(attributes) || on('', 'pods', ['UPDATE'], 'ephemeralcontainers')(attributes),
    async admit(attributes) {
      const { call, operation, object } = attributes;
      if (operation !== 'CREATE') return;
      const pod = object as Pod;
      if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined)
        return checkMirror(attributes);
      if (!pod.spec.serviceAccountName) {
        pod.spec.serviceAccountName = 'default';
        pod.spec.serviceAccount = 'default';
      }
      const account = await lookup<ServiceAccount>(
        core,
        registryKey(refs.serviceAccounts, call.namespace, pod.spec.serviceAccountName),
      );
      if (!account) {
        const why =
          `error looking up service account ${call.namespace}/${pod.spec.serviceAccountName}: ` +
          `serviceaccount "${pod.spec.serviceAccountName}" not found`;
        throw refusal(attributes, why);
      }
      if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)
        mountToken(core, pod);
      if (!pod.spec.imagePullSecrets?.length && account.imagePullSecrets?.length)
        pod.spec.imagePullSecrets = account.imagePullSecrets.map((one) => ({ ...one }));
    },
    async validate(attributes) {
      const pod = attributes.object as Pod;
      if (
        attributes.operation !== 'CREATE' ||
        pod.metadata.annotations?.[mirrorAnnotation] === undefined
      )
        return;
      checkMirror(attributes);
    },
  };
}

/**
 * Mirror pods show what a node runs by itself: they cannot use what only the API server may hand
 * out.
 */
function checkMirror(attributes: Attributes): void {
  const pod = attributes.object as Pod;
  const refuse = (why: string): Error => refusal(attributes, why);
  const references = referencesOf(pod);
  if (references.serviceaccounts.size)
    throw refuse('a mirror pod may not reference service accounts');
  if (references.secrets.size) throw refuse('a mirror pod may not reference secrets');
  if (
    (pod.spec.volumes ?? []).some((volume) =>
      volume.projected?.sources?.some((source) => source.serviceAccountToken),
    )
  )
    throw refuse('a mirror pod may not use service account token volume projections');
}

function mountToken(core: Core, pod: Pod): void {
  const containers = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])];
  const lacking = containers.filter(
    (container) => !(container.volumeMounts ?? []).some((mount) => mount.mountPath === mountPath),
  );
  const existing = (pod.spec.volumes ?? []).find((volume) =>
    volume.name.startsWith('kube-api-access-'),
  )?.name;
  if (lacking.length === 0) return;
  const name = existing ?? generatedName('kube-api-access-', core.random);
  for (const container of lacking)
    container.volumeMounts = [
      ...(container.volumeMounts ?? []),
      { name, readOnly: true, mountPath },
    ];
  if (!existing) pod.spec.volumes = [...(pod.spec.volumes ?? []), tokenVolume(name)];
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [
              {
                path: 'namespace',
                fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
              },
            ],
          },
        },
      ],
      defaultMode: 0o644,
    },
  } as Volume;
}
