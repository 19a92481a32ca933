import { realClock, type Clock } from '../io/clock.ts';
import { realDial, type Dial } from '../io/dial.ts';
import { realDisk, type Disk } from '../io/disk.ts';
import { realHost, type Host } from '../io/host.ts';
import { makeLog, type Log } from '../io/log.ts';
import { realProcesses, type Processes } from '../io/processes.ts';
import { realRandom, type Random } from '../io/random.ts';
import { realSpawn, type Spawn } from '../io/spawn.ts';

/** All the doors to the machine that the parts are handed. */
export interface Doors {
  clock: Clock;
  dial: Dial;
  disk: Disk;
  host: Host;
  log: Log;
  processes: Processes;
  random: Random;
  spawn: Spawn;
}

export function realDoors(debug: boolean): Doors {
  return {
    clock: realClock,
    dial: realDial,
    disk: realDisk,
    host: realHost,
    log: makeLog({ level: debug ? 'debug' : 'info' }),
    processes: realProcesses,
    random: realRandom,
    spawn: realSpawn,
  };
}
