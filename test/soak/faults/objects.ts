import { namespace } from '../workload.ts';
import type { Fault } from './fault.ts';

const deletePods = (...more: string[]): string[] => [
  '-n',
  namespace,
  'delete',
  'pods',
  '--all',
  '--wait=false',
  ...more,
];

export const objectFaults: Fault[] = [
  {
    name: 'page-after-restart',
    run: async ({ machine, turnPage, sleep }) => {
      machine.signal('KILL', 'skiff');
      await sleep(5_000);
      turnPage();
    },
  },
  { name: 'page', run: async ({ turnPage }) => turnPage() },
  // Of several servers this takes one out of the etcd, for good.
  {
    name: 'delete-node',
    only: 'alone',
    run: async ({ machine }) =>
      void machine.kubectl(['delete', 'node', machine.name, '--wait=false']),
  },
  { name: 'delete-pods', run: async ({ machine }) => void machine.kubectl(deletePods()) },
  {
    name: 'delete-pods-by-force',
    run: async ({ machine }) => void machine.kubectl(deletePods('--force', '--grace-period=0')),
  },
  {
    name: 'delete-pods-and-kill',
    run: async ({ machine }) => {
      machine.kubectl(deletePods());
      machine.sh('kill -9 $(cat /run/skiff-server.pid /run/skiff/containerd.pid)');
    },
  },
  {
    name: 'containers-end-while-away',
    run: async ({ machine, sleep }) => {
      // The server is gone while containers end by themselves.
      machine.sh(
        'kill -STOP $(cat /run/skiff-server.pid); pkill -9 -f "[t]rap .exit 0. TERM; httpd"; ' +
          'kill -9 $(cat /run/skiff-server.pid)',
      );
      await sleep(1_000);
    },
  },
];
