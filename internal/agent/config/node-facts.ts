/** What the configuration of every pod on this node depends on. */
export interface NodeFacts {
  /** Where container logs go: /var/log/pods. */
  logRoot: string;
  /** Containers without a seccomp profile get the runtime's. */
  seccompDefault?: boolean;
  /** Where Localhost seccomp profiles are. */
  seccompRoot: string;
  clusterDns: string[];
  clusterDomain: string;
  /** The host's own resolver configuration, parsed. */
  hostDns: ResolverConfig;
  memoryCapacityBytes: number;
  /** Such as `2MB`: sizes of huge pages that the kernel knows. */
  hugePageSizes: string[];
  /**
   * Paths of the host hidden from containers besides the usual ones (per-CPU thermal throttling).
   */
  extraMaskedPaths?: string[];
  /** AppArmor is on: profiles are enforced. */
  appArmor?: boolean;
  /** The runtime can keep a container's process out of the groups that its image names. */
  supplementalGroupsPolicy?: boolean;
  /** The kernel accounts swap: containers get none. */
  swapAccounting?: boolean;
}

export interface ResolverConfig {
  servers: string[];
  searches: string[];
  options: string[];
}
