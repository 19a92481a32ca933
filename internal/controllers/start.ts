import { table } from '../base/own.ts';
import type { Controller, ControllerContext } from './context.ts';
import { startAttachDetachController } from './attachdetach/attach-detach.ts';
import { startTokenCleaner } from './bootstrap/token-cleaner.ts';
import { startCertificateApprover } from './certificates/approver.ts';
import { startCertificateRequestCleaner } from './certificates/cleaner.ts';
import { startCertificateSigner } from './certificates/signer.ts';
import { startCloudNodeController } from './cloudnode/cloud-node.ts';
import { startClusterRoleAggregationController } from './clusterroleaggregation/aggregation.ts';
import { startCronJobController } from './cronjob/cronjob.ts';
import { startDeviceTaintEviction } from './devicetainteviction/device-taint-eviction.ts';
import { startDaemonSetController } from './daemonset/daemonset.ts';
import { startDeploymentController } from './deployment/deployment.ts';
import { startDisruptionController } from './disruption/disruption.ts';
import { startEndpointsController } from './endpoints/endpoints.ts';
import { startEndpointSliceController } from './endpointslice/endpointslice.ts';
import { startEndpointSliceMirroringController } from './endpointslicemirroring/mirroring.ts';
import { startGarbageCollector } from './gc/gc.ts';
import { startHorizontalPodAutoscaler } from './podautoscaler/autoscaler.ts';
import { startIngressController } from './ingress/ingress.ts';
import { startJobController } from './job/job.ts';
import { startNamespaceController } from './namespace/namespace.ts';
import { startNodeLifecycleController } from './nodelifecycle/node-lifecycle.ts';
import { startEphemeralVolumeController } from './ephemeralvolume/ephemeral-volume.ts';
import { startPersistentVolumeBinder } from './persistentvolume/binder.ts';
import { startPodGc } from './podgc/pod-gc.ts';
import { startTaintEvictionController } from './tainteviction/taint-eviction.ts';
import { startNodeIpamController } from './nodeipam/node-ipam.ts';
import { startReplicaSetController, startReplicationController } from './replicaset/replicaset.ts';
import { startResourceClaimController } from './resourceclaim/resource-claim.ts';
import { startResourceQuotaController } from './resourcequota/resource-quota.ts';
import { startStatefulSetController } from './statefulset/statefulset.ts';
import { startTtlController } from './ttl/ttl.ts';
import { startTtlAfterFinishedController } from './ttlafterfinished/ttl-after-finished.ts';
import { startRootCaPublisher } from './rootca/publisher.ts';
import {
  startPvcProtectionController,
  startPvProtectionController,
  startVacProtectionController,
} from './storageprotection/storage-protection.ts';
import { startServiceBalancer } from './servicelb/servicelb.ts';
import { startServiceCidrsController } from './servicecidrs/service-cidrs.ts';
import { startServiceAccountController } from './serviceaccount/default-account.ts';
import { startServiceAccountTokenController } from './serviceaccount/tokens.ts';

export type { Controller, ControllerContext } from './context.ts';

const all: Record<string, (ctx: ControllerContext) => Controller> = table({
  namespace: startNamespaceController,
  serviceaccount: startServiceAccountController,
  'root-ca-certificate-publisher': startRootCaPublisher,
  deployment: startDeploymentController,
  replicaset: startReplicaSetController,
  replicationcontroller: startReplicationController,
  endpoints: startEndpointsController,
  endpointslice: startEndpointSliceController,
  'endpointslice-mirroring': startEndpointSliceMirroringController,
  'node-ipam': startNodeIpamController,
  'garbage-collector': startGarbageCollector,
  'pod-gc': startPodGc,
  'node-lifecycle': startNodeLifecycleController,
  'cloud-node': startCloudNodeController,
  'taint-eviction': startTaintEvictionController,
  resourcequota: startResourceQuotaController,
  job: startJobController,
  'serviceaccount-token': startServiceAccountTokenController,
  'certificate-signing': startCertificateSigner,
  'certificate-approving': startCertificateApprover,
  'certificate-cleaner': startCertificateRequestCleaner,
  'token-cleaner': startTokenCleaner,
  ttl: startTtlController,
  cronjob: startCronJobController,
  disruption: startDisruptionController,
  daemonset: startDaemonSetController,
  statefulset: startStatefulSetController,
  'ttl-after-finished': startTtlAfterFinishedController,
  'pvc-protection': startPvcProtectionController,
  'pv-protection': startPvProtectionController,
  'vac-protection': startVacProtectionController,
  'persistentvolume-binder': startPersistentVolumeBinder,
  'persistentvolume-attach-detach': startAttachDetachController,
  'ephemeral-volume': startEphemeralVolumeController,
  'horizontal-pod-autoscaler': startHorizontalPodAutoscaler,
  'resource-claim': startResourceClaimController,
  'device-taint-eviction': startDeviceTaintEviction,
  'service-cidrs': startServiceCidrsController,
  'service-lb': startServiceBalancer,
  ingress: startIngressController,
  'clusterrole-aggregation': startClusterRoleAggregationController,
});

/** Starts every controller but those of `without`, or those of `only`. Stopping stops them all. */
export function startControllers(
  ctx: ControllerContext,
  options: { only?: string[]; without?: string[] } = {},
): Controller {
  const running = Object.entries(all)
    .filter(([name]) => !options.only || options.only.includes(name))
    .filter(([name]) => !options.without?.includes(name))
    .map(([, start]) => start(ctx));
  return {
    name: 'controllers',
    stop: () => {
      for (const controller of running) controller.stop();
    },
    idle: async () => {
      for (const controller of running) await controller.idle();
    },
  };
}
