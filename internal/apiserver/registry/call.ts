import type { UserInfo } from '../authn/user.ts';
import type { ServedResource } from './resource.ts';

/** One request to a resource, after authentication and authorization. */
export interface Call {
  user: UserInfo;
  resource: ServedResource;
  namespace: string;
  name: string;
  subresource: string;
  dryRun: boolean;
  fieldManager: string;
  validation: 'Ignore' | 'Warn' | 'Strict';
  /** Texts for Warning headers. */
  warnings: string[];
  /** Where annotations of the audit event go, when the request is audited. */
  audit?: { annotate(key: string, value: string, least?: 'Request'): void };
}
