// Written by ../generate/generate.ts from the facts of k8s.io/cri-api runtime/v1. Do not edit.

import type * as t from './types.ts';

/** What each call takes and gives. */
export interface CriCalls {
  version: { request: t.VersionRequest; response: t.VersionResponse };
  runPodSandbox: { request: t.RunPodSandboxRequest; response: t.RunPodSandboxResponse };
  stopPodSandbox: { request: t.StopPodSandboxRequest; response: t.StopPodSandboxResponse };
  removePodSandbox: { request: t.RemovePodSandboxRequest; response: t.RemovePodSandboxResponse };
  podSandboxStatus: { request: t.PodSandboxStatusRequest; response: t.PodSandboxStatusResponse };
  listPodSandbox: { request: t.ListPodSandboxRequest; response: t.ListPodSandboxResponse };
  createContainer: { request: t.CreateContainerRequest; response: t.CreateContainerResponse };
  startContainer: { request: t.StartContainerRequest; response: t.StartContainerResponse };
  stopContainer: { request: t.StopContainerRequest; response: t.StopContainerResponse };
  removeContainer: { request: t.RemoveContainerRequest; response: t.RemoveContainerResponse };
  listContainers: { request: t.ListContainersRequest; response: t.ListContainersResponse };
  containerStatus: { request: t.ContainerStatusRequest; response: t.ContainerStatusResponse };
  updateContainerResources: { request: t.UpdateContainerResourcesRequest; response: t.UpdateContainerResourcesResponse };
  reopenContainerLog: { request: t.ReopenContainerLogRequest; response: t.ReopenContainerLogResponse };
  execSync: { request: t.ExecSyncRequest; response: t.ExecSyncResponse };
  exec: { request: t.ExecRequest; response: t.ExecResponse };
  attach: { request: t.AttachRequest; response: t.AttachResponse };
  portForward: { request: t.PortForwardRequest; response: t.PortForwardResponse };
  containerStats: { request: t.ContainerStatsRequest; response: t.ContainerStatsResponse };
  listContainerStats: { request: t.ListContainerStatsRequest; response: t.ListContainerStatsResponse };
  podSandboxStats: { request: t.PodSandboxStatsRequest; response: t.PodSandboxStatsResponse };
  listPodSandboxStats: { request: t.ListPodSandboxStatsRequest; response: t.ListPodSandboxStatsResponse };
  updateRuntimeConfig: { request: t.UpdateRuntimeConfigRequest; response: t.UpdateRuntimeConfigResponse };
  status: { request: t.StatusRequest; response: t.StatusResponse };
  checkpointContainer: { request: t.CheckpointContainerRequest; response: t.CheckpointContainerResponse };
  getContainerEvents: { request: t.GetEventsRequest; response: t.ContainerEventResponse };
  listMetricDescriptors: { request: t.ListMetricDescriptorsRequest; response: t.ListMetricDescriptorsResponse };
  listPodSandboxMetrics: { request: t.ListPodSandboxMetricsRequest; response: t.ListPodSandboxMetricsResponse };
  runtimeConfig: { request: t.RuntimeConfigRequest; response: t.RuntimeConfigResponse };
  updatePodSandboxResources: { request: t.UpdatePodSandboxResourcesRequest; response: t.UpdatePodSandboxResourcesResponse };
  listImages: { request: t.ListImagesRequest; response: t.ListImagesResponse };
  imageStatus: { request: t.ImageStatusRequest; response: t.ImageStatusResponse };
  pullImage: { request: t.PullImageRequest; response: t.PullImageResponse };
  removeImage: { request: t.RemoveImageRequest; response: t.RemoveImageResponse };
  imageFsInfo: { request: t.ImageFsInfoRequest; response: t.ImageFsInfoResponse };
}

/** Path, request message and response message of each call. */
export const criMethods: Record<keyof CriCalls, readonly [string, string, string]> = {
  version: ['/runtime.v1.RuntimeService/Version', 'VersionRequest', 'VersionResponse'],
  runPodSandbox: ['/runtime.v1.RuntimeService/RunPodSandbox', 'RunPodSandboxRequest', 'RunPodSandboxResponse'],
  stopPodSandbox: ['/runtime.v1.RuntimeService/StopPodSandbox', 'StopPodSandboxRequest', 'StopPodSandboxResponse'],
  removePodSandbox: ['/runtime.v1.RuntimeService/RemovePodSandbox', 'RemovePodSandboxRequest', 'RemovePodSandboxResponse'],
  podSandboxStatus: ['/runtime.v1.RuntimeService/PodSandboxStatus', 'PodSandboxStatusRequest', 'PodSandboxStatusResponse'],
  listPodSandbox: ['/runtime.v1.RuntimeService/ListPodSandbox', 'ListPodSandboxRequest', 'ListPodSandboxResponse'],
  createContainer: ['/runtime.v1.RuntimeService/CreateContainer', 'CreateContainerRequest', 'CreateContainerResponse'],
  startContainer: ['/runtime.v1.RuntimeService/StartContainer', 'StartContainerRequest', 'StartContainerResponse'],
  stopContainer: ['/runtime.v1.RuntimeService/StopContainer', 'StopContainerRequest', 'StopContainerResponse'],
  removeContainer: ['/runtime.v1.RuntimeService/RemoveContainer', 'RemoveContainerRequest', 'RemoveContainerResponse'],
  listContainers: ['/runtime.v1.RuntimeService/ListContainers', 'ListContainersRequest', 'ListContainersResponse'],
  containerStatus: ['/runtime.v1.RuntimeService/ContainerStatus', 'ContainerStatusRequest', 'ContainerStatusResponse'],
  updateContainerResources: ['/runtime.v1.RuntimeService/UpdateContainerResources', 'UpdateContainerResourcesRequest', 'UpdateContainerResourcesResponse'],
  reopenContainerLog: ['/runtime.v1.RuntimeService/ReopenContainerLog', 'ReopenContainerLogRequest', 'ReopenContainerLogResponse'],
  execSync: ['/runtime.v1.RuntimeService/ExecSync', 'ExecSyncRequest', 'ExecSyncResponse'],
  exec: ['/runtime.v1.RuntimeService/Exec', 'ExecRequest', 'ExecResponse'],
  attach: ['/runtime.v1.RuntimeService/Attach', 'AttachRequest', 'AttachResponse'],
  portForward: ['/runtime.v1.RuntimeService/PortForward', 'PortForwardRequest', 'PortForwardResponse'],
  containerStats: ['/runtime.v1.RuntimeService/ContainerStats', 'ContainerStatsRequest', 'ContainerStatsResponse'],
  listContainerStats: ['/runtime.v1.RuntimeService/ListContainerStats', 'ListContainerStatsRequest', 'ListContainerStatsResponse'],
  podSandboxStats: ['/runtime.v1.RuntimeService/PodSandboxStats', 'PodSandboxStatsRequest', 'PodSandboxStatsResponse'],
  listPodSandboxStats: ['/runtime.v1.RuntimeService/ListPodSandboxStats', 'ListPodSandboxStatsRequest', 'ListPodSandboxStatsResponse'],
  updateRuntimeConfig: ['/runtime.v1.RuntimeService/UpdateRuntimeConfig', 'UpdateRuntimeConfigRequest', 'UpdateRuntimeConfigResponse'],
  status: ['/runtime.v1.RuntimeService/Status', 'StatusRequest', 'StatusResponse'],
  checkpointContainer: ['/runtime.v1.RuntimeService/CheckpointContainer', 'CheckpointContainerRequest', 'CheckpointContainerResponse'],
  getContainerEvents: ['/runtime.v1.RuntimeService/GetContainerEvents', 'GetEventsRequest', 'ContainerEventResponse'],
  listMetricDescriptors: ['/runtime.v1.RuntimeService/ListMetricDescriptors', 'ListMetricDescriptorsRequest', 'ListMetricDescriptorsResponse'],
  listPodSandboxMetrics: ['/runtime.v1.RuntimeService/ListPodSandboxMetrics', 'ListPodSandboxMetricsRequest', 'ListPodSandboxMetricsResponse'],
  runtimeConfig: ['/runtime.v1.RuntimeService/RuntimeConfig', 'RuntimeConfigRequest', 'RuntimeConfigResponse'],
  updatePodSandboxResources: ['/runtime.v1.RuntimeService/UpdatePodSandboxResources', 'UpdatePodSandboxResourcesRequest', 'UpdatePodSandboxResourcesResponse'],
  listImages: ['/runtime.v1.ImageService/ListImages', 'ListImagesRequest', 'ListImagesResponse'],
  imageStatus: ['/runtime.v1.ImageService/ImageStatus', 'ImageStatusRequest', 'ImageStatusResponse'],
  pullImage: ['/runtime.v1.ImageService/PullImage', 'PullImageRequest', 'PullImageResponse'],
  removeImage: ['/runtime.v1.ImageService/RemoveImage', 'RemoveImageRequest', 'RemoveImageResponse'],
  imageFsInfo: ['/runtime.v1.ImageService/ImageFsInfo', 'ImageFsInfoRequest', 'ImageFsInfoResponse'],
};
