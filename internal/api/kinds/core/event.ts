import type { Event } from '../../generated/types/core-v1.ts';
import { event as cells } from '../../table/cluster-cells.ts';
import { coreEvent as validation } from '../../validation/events.ts';
import { kind } from '../kind.ts';

export const event = kind<Event>({
  group: '',
  kind: 'Event',
  validation,
  cells,
  fields: { source: (event) => event.source?.component || (event.reportingComponent ?? '') },
  soft: true,
  expires: true,
  readOnce: true,
  untracked: true,
});
