import { table } from '../../base/own.ts';
import { codecOf } from '../cri/codec.ts';

/**
 * Facts of the Container Storage Interface v1 that a node has to do with, and of the registration
 * of plug-ins with it.
 */
const messages: Record<string, string> = table({
  Empty: '',
  PluginInfo: 'type 1 string, name 2 string, endpoint 3 string, supportedVersions 4 [string',
  RegistrationStatus: 'pluginRegistered 1 bool, error 2 string',
  NodeGetInfoResponse: 'nodeId 1 string, maxVolumesPerNode 2 id, accessibleTopology 3 .Topology',
  Topology: 'segments 1 {string',
  NodeGetCapabilitiesResponse: 'capabilities 1 [.NodeServiceCapability',
  NodeServiceCapability: 'rpc 1 .NodeRpc',
  NodeRpc: 'type 1 enum',
  VolumeCapability: 'block 1 .Empty, mount 2 .MountVolume, accessMode 3 .AccessMode',
  MountVolume: 'fsType 1 string, mountFlags 2 [string, volumeMountGroup 3 string',
  AccessMode: 'mode 1 enum',
  NodeStageVolumeRequest:
    'volumeId 1 string, publishContext 2 {string, stagingTargetPath 3 string, ' +
    'volumeCapability 4 .VolumeCapability, secrets 5 {string, volumeContext 6 {string',
  NodeUnstageVolumeRequest: 'volumeId 1 string, stagingTargetPath 2 string',
  NodePublishVolumeRequest:
    'volumeId 1 string, publishContext 2 {string, stagingTargetPath 3 string, ' +
    'targetPath 4 string, volumeCapability 5 .VolumeCapability, readonly 6 bool, ' +
    'secrets 7 {string, volumeContext 8 {string',
  NodeUnpublishVolumeRequest: 'volumeId 1 string, targetPath 2 string',
  NodeGetVolumeStatsRequest: 'volumeId 1 string, volumePath 2 string, stagingTargetPath 3 string',
  NodeGetVolumeStatsResponse: 'usage 1 [.VolumeUsage',
  VolumeUsage: 'available 1 id, total 2 id, used 3 id, unit 4 enum',
  NodeExpandVolumeRequest:
    'volumeId 1 string, volumePath 2 string, capacityRange 3 .CapacityRange, ' +
    'stagingTargetPath 4 string, volumeCapability 5 .VolumeCapability, secrets 6 {string',
  NodeExpandVolumeResponse: 'capacityBytes 1 int64',
  CapacityRange: 'requiredBytes 1 int64, limitBytes 2 int64',
});

export const csiCodec = codecOf(messages);

/** What a plug-in says of itself. */
export interface PluginInfo {
  /** `CSIPlugin` for drivers of volumes. */
  type: string;
  name: string;
  /** The socket of the driver itself; empty = the one that was asked. */
  endpoint: string;
  supportedVersions: string[];
}

export interface NodeInfo {
  nodeId: string;
  /** Decimal; 0 = as many as may be. */
  maxVolumesPerNode: string;
  accessibleTopology?: { segments: Record<string, string> };
}

/** What the node's half of a driver can do (NodeServiceCapability.RPC.Type). */
export const nodeCapability = {
  stageUnstageVolume: 1,
  getVolumeStats: 2,
  expandVolume: 3,
  singleNodeMultiWriter: 5,
  volumeMountGroup: 6,
} as const;

/** VolumeCapability.AccessMode.Mode. */
export const accessMode = {
  singleNodeWriter: 1,
  multiNodeReaderOnly: 3,
  multiNodeMultiWriter: 5,
  singleNodeSingleWriter: 6,
  singleNodeMultiWriter: 7,
} as const;

/** VolumeUsage.Unit. */
export const usageUnit = { bytes: 1, inodes: 2 } as const;

export interface VolumeCapability {
  block?: object;
  mount?: { fsType?: string; mountFlags?: string[]; volumeMountGroup?: string };
  accessMode: { mode: number };
}

interface Staged {
  volumeId: string;
  publishContext?: Record<string, string>;
  stagingTargetPath?: string;
  volumeCapability: VolumeCapability;
  secrets?: Record<string, string>;
  volumeContext?: Record<string, string>;
}

/** What each call takes and gives. */
export interface CsiCalls {
  getInfo: { request: object; response: PluginInfo };
  notifyRegistrationStatus: {
    request: { pluginRegistered: boolean; error?: string };
    response: object;
  };
  nodeGetInfo: { request: object; response: NodeInfo };
  nodeGetCapabilities: {
    request: object;
    response: { capabilities: { rpc?: { type: number } }[] };
  };
  nodeStageVolume: { request: Staged; response: object };
  nodeUnstageVolume: { request: { volumeId: string; stagingTargetPath: string }; response: object };
  nodePublishVolume: {
    request: Staged & { targetPath: string; readonly: boolean };
    response: object;
  };
  nodeUnpublishVolume: { request: { volumeId: string; targetPath: string }; response: object };
  nodeGetVolumeStats: {
    request: { volumeId: string; volumePath: string; stagingTargetPath?: string };
    /** Amounts are decimal: shares of many machines pass 2^53. */
    response: { usage: { available: string; total: string; used: string; unit: number }[] };
  };
  nodeExpandVolume: {
    request: {
      volumeId: string;
      volumePath: string;
      capacityRange: { requiredBytes: number };
      stagingTargetPath?: string;
      volumeCapability: VolumeCapability;
      secrets?: Record<string, string>;
    };
    response: { capacityBytes: number };
  };
}

/** Path, request message and response message of each call. */
export const csiMethods: Record<keyof CsiCalls, readonly [string, string, string]> = {
  getInfo: ['/pluginregistration.Registration/GetInfo', 'Empty', 'PluginInfo'],
  notifyRegistrationStatus: [
    '/pluginregistration.Registration/NotifyRegistrationStatus',
    'RegistrationStatus',
    'Empty',
  ],
  nodeGetInfo: ['/csi.v1.Node/NodeGetInfo', 'Empty', 'NodeGetInfoResponse'],
  nodeGetCapabilities: ['/csi.v1.Node/NodeGetCapabilities', 'Empty', 'NodeGetCapabilitiesResponse'],
  nodeStageVolume: ['/csi.v1.Node/NodeStageVolume', 'NodeStageVolumeRequest', 'Empty'],
  nodeUnstageVolume: ['/csi.v1.Node/NodeUnstageVolume', 'NodeUnstageVolumeRequest', 'Empty'],
  nodePublishVolume: ['/csi.v1.Node/NodePublishVolume', 'NodePublishVolumeRequest', 'Empty'],
  nodeUnpublishVolume: ['/csi.v1.Node/NodeUnpublishVolume', 'NodeUnpublishVolumeRequest', 'Empty'],
  nodeGetVolumeStats: [
    '/csi.v1.Node/NodeGetVolumeStats',
    'NodeGetVolumeStatsRequest',
    'NodeGetVolumeStatsResponse',
  ],
  nodeExpandVolume: [
    '/csi.v1.Node/NodeExpandVolume',
    'NodeExpandVolumeRequest',
    'NodeExpandVolumeResponse',
  ],
};
