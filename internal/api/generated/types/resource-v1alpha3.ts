// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface CELDeviceSelector {
  expression: string;
}

export interface DeviceSelector {
  cel?: CELDeviceSelector;
}

export interface DeviceTaint {
  key: string;
  value?: string;
  effect: string;
  timeAdded?: string;
}

export interface DeviceTaintRule {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: DeviceTaintRuleSpec;
  status: DeviceTaintRuleStatus;
}

export interface DeviceTaintRuleList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: DeviceTaintRule[];
}

export interface DeviceTaintRuleSpec {
  deviceSelector?: DeviceTaintSelector;
  taint: DeviceTaint;
}

export interface DeviceTaintRuleStatus {
  conditions?: metav1.Condition[];
}

export interface DeviceTaintSelector {
  driver?: string;
  pool?: string;
  device?: string;
}

export interface PoolStatus {
  driver?: string;
  poolName?: string;
  nodeName?: string;
  totalDevices?: number;
  allocatedDevices?: number;
  availableDevices?: number;
  unavailableDevices?: number;
  resourceSliceCount?: number;
  generation: number;
  validationError?: string;
}

export interface ResourcePoolStatusRequest {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: ResourcePoolStatusRequestSpec;
  status?: ResourcePoolStatusRequestStatus;
}

export interface ResourcePoolStatusRequestList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: ResourcePoolStatusRequest[];
}

export interface ResourcePoolStatusRequestSpec {
  driver: string;
  poolName?: string;
  limit?: number;
}

export interface ResourcePoolStatusRequestStatus {
  pools?: PoolStatus[];
  conditions?: metav1.Condition[];
  poolCount?: number;
}
