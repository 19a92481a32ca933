import type { ApiServerOptions } from '../options.ts';
import type { Core } from '../registry/core.ts';

/** What passing bytes on needs of a server. */
export interface Outward {
  readonly core: Core;
  readonly options: ApiServerOptions;
}
