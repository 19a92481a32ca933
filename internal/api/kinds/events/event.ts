import { coreEvents } from '../../conversions/events.ts';
import type { Event } from '../../generated/types/events-v1.ts';
import { newEvent as cells } from '../../table/cluster-cells.ts';
import { event as validation } from '../../validation/events.ts';
import { kind } from '../kind.ts';

export const event = kind<Event>({
  group: 'events.k8s.io',
  kind: 'Event',
  ref: 'eventsV1',
  validation,
  conversions: { v1: coreEvents },
  cells,
  fieldsAsServed: true,
  soft: true,
  expires: true,
  readOnce: true,
  untracked: true,
});
