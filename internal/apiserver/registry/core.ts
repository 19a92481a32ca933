import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Random } from '../../io/random.ts';
import type { Store } from '../../store/store.ts';
import type { AdmissionChain } from '../admission/chain.ts';
import type { Authorize } from '../authz/authorizer.ts';
import type { ResourceTable } from './resource-table.ts';
import type { WriteHooks } from './write-hooks.ts';

/** What registry code works with. */
export interface Core {
  store: Store;
  clock: Clock;
  random: Random;
  log: Log;
  resources: ResourceTable;
  admission: AdmissionChain;
  hooks: WriteHooks;
  authorize: Authorize;
}
