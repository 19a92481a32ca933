/**
 * A rule in the compact table: g apiGroups, r resources, n resourceNames, u nonResourceURLs, v
 * verbs.
 */
export interface RuleRow {
  g?: string[];
  r?: string[];
  n?: string[];
  u?: string[];
  v: string[];
}

export interface RoleRow {
  name: string;
  ns?: string;
  labels?: Record<string, string>;
  aggregate?: Record<string, string>[];
  rules?: RuleRow[];
}

export interface BindingRow {
  name: string;
  ns?: string;
  /** `ClusterRole/admin` */
  role: string;
  /** `Group:x`, `User:x`, `ServiceAccount:ns/x` */
  subjects: string[];
}

export interface PriorityClassRow {
  name: string;
  value: number;
  globalDefault: boolean;
  preemptionPolicy: string;
}

export interface FlowControlRows {
  annotation: Record<string, string>;
  priorityLevels: {
    name: string;
    type: string;
    nominalConcurrencyShares: number;
    lendablePercent: number;
    response?: string;
    queues?: number;
    handSize?: number;
    queueLengthLimit?: number;
    mandatory?: boolean;
  }[];
  flowSchemas: {
    name: string;
    priorityLevel: string;
    matchingPrecedence: number;
    distinguisher: string | null;
    subjects: string[];
    resourceRules: { v: string[]; g: string[]; r: string[]; ns?: string[]; cs?: boolean }[];
    nonResourceRules: { v: string[]; u: string[] }[];
    mandatory?: boolean;
  }[];
}
