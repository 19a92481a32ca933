import { table } from '../../base/own.ts';
/** Facts of containerd's native API (events, tasks, images): the calls that CRI does not have. */
export const containerdMessages: Record<string, string> = table({
  Empty: '',
  Any: 'typeUrl 1 string, value 2 bytes',
  Timestamp: 'seconds 1 int64, nanos 2 int32',
  SubscribeRequest: 'filters 1 [string',
  Envelope: 'timestamp 1 .Timestamp, namespace 2 string, topic 3 string, event 4 .Any',
  TaskStart: 'containerId 1 string, pid 2 uint32',
  TaskExit:
    'containerId 1 string, id 2 string, pid 3 uint32, exitStatus 4 uint32, exitedAt 5 .Timestamp',
  TaskOom: 'containerId 1 string',
  ExecProcessRequest:
    'containerId 1 string, stdin 2 string, stdout 3 string, stderr 4 string, terminal 5 ' +
    'bool, spec 6 .Any, execId 7 string',
  StartRequest: 'containerId 1 string, execId 2 string',
  StartResponse: 'pid 1 uint32',
  KillRequest: 'containerId 1 string, execId 2 string, signal 3 uint32, all 4 bool',
  ResizePtyRequest: 'containerId 1 string, execId 2 string, width 3 uint32, height 4 uint32',
  CloseIoRequest: 'containerId 1 string, execId 2 string, stdin 3 bool',
  WaitRequest: 'containerId 1 string, execId 2 string',
  WaitResponse: 'exitStatus 1 uint32, exitedAt 2 .Timestamp',
  DeleteProcessRequest: 'containerId 1 string, execId 2 string',
  DeleteResponse: 'id 1 string, pid 2 uint32, exitStatus 3 uint32, exitedAt 4 .Timestamp',
});

export interface Timestamp {
  seconds: number;
  nanos: number;
}

export interface Envelope {
  timestamp?: Timestamp;
  namespace: string;
  topic: string;
  event?: { typeUrl: string; value: Uint8Array };
}

/** `id` is the container's own id for its first process, else the exec's. */
export interface TaskExit {
  containerId: string;
  id: string;
  pid: number;
  exitStatus: number;
  exitedAt?: Timestamp;
}

export interface ContainerdCalls {
  taskExec: {
    request: {
      containerId: string;
      execId: string;
      stdin: string;
      stdout: string;
      stderr: string;
      terminal: boolean;
      spec: { typeUrl: string; value: Uint8Array };
    };
    response: object;
  };
  taskStart: { request: { containerId: string; execId?: string }; response: { pid: number } };
  taskKill: {
    request: { containerId: string; execId?: string; signal: number; all?: boolean };
    response: object;
  };
  taskResizePty: {
    request: { containerId: string; execId?: string; width: number; height: number };
    response: object;
  };
  taskCloseIo: {
    request: { containerId: string; execId?: string; stdin: boolean };
    response: object;
  };
  taskWait: {
    request: { containerId: string; execId?: string };
    response: { exitStatus: number; exitedAt?: Timestamp };
  };
  taskDeleteProcess: {
    request: { containerId: string; execId: string };
    response: { exitStatus: number };
  };
  subscribe: { request: { filters: string[] }; response: Envelope };
}

const tasks = '/containerd.services.tasks.v1.Tasks';

export const containerdMethods: Record<keyof ContainerdCalls, readonly [string, string, string]> = {
  taskExec: [`${tasks}/Exec`, 'ExecProcessRequest', 'Empty'],
  taskStart: [`${tasks}/Start`, 'StartRequest', 'StartResponse'],
  taskKill: [`${tasks}/Kill`, 'KillRequest', 'Empty'],
  taskResizePty: [`${tasks}/ResizePty`, 'ResizePtyRequest', 'Empty'],
  taskCloseIo: [`${tasks}/CloseIO`, 'CloseIoRequest', 'Empty'],
  taskWait: [`${tasks}/Wait`, 'WaitRequest', 'WaitResponse'],
  taskDeleteProcess: [`${tasks}/DeleteProcess`, 'DeleteProcessRequest', 'DeleteResponse'],
  subscribe: ['/containerd.services.events.v1.Events/Subscribe', 'SubscribeRequest', 'Envelope'],
};
