import protobuf from 'protobufjs';

/**
 * The Container Storage Interface as the driver of the tests speaks it: read by another codec than
 * the one that is tested. Names and numbers of the specification's version 1.
 */
const text = `
syntax = "proto3";
package csi.v1;
message Empty {}
message BoolValue { bool value = 1; }
message GetPluginInfoResponse { string name = 1; string vendor_version = 2; }
message GetPluginCapabilitiesResponse { repeated PluginCapability capabilities = 1; }
message Typed { int32 type = 1; }
message PluginCapability { oneof type { Typed service = 1; Typed volume_expansion = 2; } }
message ProbeResponse { BoolValue ready = 1; }
message CapacityRange { int64 required_bytes = 1; int64 limit_bytes = 2; }
message AccessMode { int32 mode = 1; }
message MountVolume {
  string fs_type = 1; repeated string mount_flags = 2; string volume_mount_group = 3;
}
message VolumeCapability {
  oneof access_type { Empty block = 1; MountVolume mount = 2; }
  AccessMode access_mode = 3;
}
message Topology { map<string, string> segments = 1; }
message TopologyRequirement { repeated Topology requisite = 1; repeated Topology preferred = 2; }
message Volume {
  int64 capacity_bytes = 1; string volume_id = 2; map<string, string> volume_context = 3;
  repeated Topology accessible_topology = 5;
}
message CreateVolumeRequest {
  string name = 1; CapacityRange capacity_range = 2;
  repeated VolumeCapability volume_capabilities = 3; map<string, string> parameters = 4;
  map<string, string> secrets = 5; Empty volume_content_source = 6;
  TopologyRequirement accessibility_requirements = 7;
}
message CreateVolumeResponse { Volume volume = 1; }
message VolumeRequest { string volume_id = 1; map<string, string> secrets = 2; }
message ControllerPublishVolumeRequest {
  string volume_id = 1; string node_id = 2; VolumeCapability volume_capability = 3;
  bool readonly = 4; map<string, string> secrets = 5; map<string, string> volume_context = 6;
}
message ControllerPublishVolumeResponse { map<string, string> publish_context = 1; }
message ControllerUnpublishVolumeRequest { string volume_id = 1; string node_id = 2; }
message ValidateVolumeCapabilitiesRequest {
  string volume_id = 1; map<string, string> volume_context = 2;
  repeated VolumeCapability volume_capabilities = 3; map<string, string> parameters = 4;
}
message Confirmed {
  map<string, string> volume_context = 1; repeated VolumeCapability volume_capabilities = 2;
  map<string, string> parameters = 3;
}
message ValidateVolumeCapabilitiesResponse { Confirmed confirmed = 1; string message = 2; }
message ListVolumesRequest { int32 max_entries = 1; string starting_token = 2; }
message ListEntry { Volume volume = 1; }
message ListVolumesResponse { repeated ListEntry entries = 1; string next_token = 2; }
message Capability { Typed rpc = 1; }
message Capabilities { repeated Capability capabilities = 1; }
message ControllerExpandVolumeRequest {
  string volume_id = 1; CapacityRange capacity_range = 2; map<string, string> secrets = 3;
  VolumeCapability volume_capability = 4;
}
message ControllerExpandVolumeResponse {
  int64 capacity_bytes = 1; bool node_expansion_required = 2;
}
message NodeStageVolumeRequest {
  string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3;
  VolumeCapability volume_capability = 4; map<string, string> secrets = 5;
  map<string, string> volume_context = 6;
}
message NodeUnstageVolumeRequest { string volume_id = 1; string staging_target_path = 2; }
message NodePublishVolumeRequest {
  string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3;
  string target_path = 4; VolumeCapability volume_capability = 5; bool readonly = 6;
  map<string, string> secrets = 7; map<string, string> volume_context = 8;
}
message NodeUnpublishVolumeRequest { string volume_id = 1; string target_path = 2; }
message NodeGetVolumeStatsRequest {
  string volume_id = 1; string volume_path = 2; string staging_target_path = 3;
}
message VolumeUsage { int64 available = 1; int64 total = 2; int64 used = 3; int32 unit = 4; }
message NodeGetVolumeStatsResponse { repeated VolumeUsage usage = 1; }
message NodeGetInfoResponse {
  string node_id = 1; int64 max_volumes_per_node = 2; Topology accessible_topology = 3;
}
message NodeExpandVolumeRequest {
  string volume_id = 1; string volume_path = 2; CapacityRange capacity_range = 3;
  string staging_target_path = 4; VolumeCapability volume_capability = 5;
}
message NodeExpandVolumeResponse { int64 capacity_bytes = 1; }
message PluginInfo {
  string type = 1; string name = 2; string endpoint = 3; repeated string supported_versions = 4;
}
message RegistrationStatus { bool plugin_registered = 1; string error = 2; }
`;
const { root } = protobuf.parse(text);

/** Call -> request and answer. */
export const services: Record<string, Record<string, readonly [string, string]>> = {
  'csi.v1.Identity': {
    GetPluginInfo: ['Empty', 'GetPluginInfoResponse'],
    GetPluginCapabilities: ['Empty', 'GetPluginCapabilitiesResponse'],
    Probe: ['Empty', 'ProbeResponse'],
  },
  'csi.v1.Controller': {
    CreateVolume: ['CreateVolumeRequest', 'CreateVolumeResponse'],
    DeleteVolume: ['VolumeRequest', 'Empty'],
    ControllerPublishVolume: ['ControllerPublishVolumeRequest', 'ControllerPublishVolumeResponse'],
    ControllerUnpublishVolume: ['ControllerUnpublishVolumeRequest', 'Empty'],
    ValidateVolumeCapabilities: [
      'ValidateVolumeCapabilitiesRequest',
      'ValidateVolumeCapabilitiesResponse',
    ],
    ListVolumes: ['ListVolumesRequest', 'ListVolumesResponse'],
    ControllerGetCapabilities: ['Empty', 'Capabilities'],
    ControllerExpandVolume: ['ControllerExpandVolumeRequest', 'ControllerExpandVolumeResponse'],
  },
  'csi.v1.Node': {
    NodeStageVolume: ['NodeStageVolumeRequest', 'Empty'],
    NodeUnstageVolume: ['NodeUnstageVolumeRequest', 'Empty'],
    NodePublishVolume: ['NodePublishVolumeRequest', 'Empty'],
    NodeUnpublishVolume: ['NodeUnpublishVolumeRequest', 'Empty'],
    NodeGetVolumeStats: ['NodeGetVolumeStatsRequest', 'NodeGetVolumeStatsResponse'],
    NodeExpandVolume: ['NodeExpandVolumeRequest', 'NodeExpandVolumeResponse'],
    NodeGetCapabilities: ['Empty', 'Capabilities'],
    NodeGetInfo: ['Empty', 'NodeGetInfoResponse'],
  },
  'pluginregistration.Registration': {
    GetInfo: ['Empty', 'PluginInfo'],
    NotifyRegistrationStatus: ['RegistrationStatus', 'Empty'],
  },
};

export function encode(message: string, value: object): Buffer {
  const type = root.lookupType(message);
  return Buffer.from(type.encode(type.fromObject(value)).finish());
}

export function decode<T>(message: string, bytes: Buffer): T {
  const type = root.lookupType(message);
  return type.toObject(type.decode(bytes), { longs: Number, defaults: true, oneofs: true }) as T;
}
