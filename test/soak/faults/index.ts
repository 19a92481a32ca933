import { clockFaults } from './clock.ts';
import { diskFaults } from './disk.ts';
import type { Fault } from './fault.ts';
import { networkFaults } from './network.ts';
import { objectFaults } from './objects.ts';
import { programFaults } from './programs.ts';
import { serverFaults } from './servers.ts';

export const faults: Fault[] = [
  ...programFaults,
  ...networkFaults,
  ...diskFaults,
  ...clockFaults,
  ...objectFaults,
  ...serverFaults,
];
