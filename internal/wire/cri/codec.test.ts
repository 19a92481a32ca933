import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import {
  containerdCodec,
  criCodec,
  type ContainerStatus,
  type LinuxContainerResources,
  type TaskExit,
} from './cri.ts';
import { WireError } from '../protobuf/codec.ts';
import { criMessages } from './generated/messages.ts';

/** The same facts read by protobufjs: an encoder that is not ours. */
function reference(name: string): protobuf.Type {
  const root = new protobuf.Root();
  for (const [message, facts] of Object.entries(criMessages)) {
    const type = new protobuf.Type(message);
    for (const fact of facts === '' ? [] : facts.split(', ')) {
      const [field = '', id = '0', kind = ''] = fact.split(' ');
      const plain = kind
        .replace(/^[[{]?\.?/, '')
        .replace('nanos', 'int64')
        .replace('enum', 'int32');
      type.add(
        kind.startsWith('{')
          ? new protobuf.MapField(field, Number(id), 'string', plain)
          : new protobuf.Field(
              field,
              Number(id),
              plain,
              kind.startsWith('[') ? 'repeated' : undefined,
            ),
      );
    }
    root.add(type);
  }
  return root.resolveAll().lookupType(name);
}

describe('CRI codec', () => {
  it('writes what protobufjs writes', () => {
    const value = {
      config: {
        metadata: { name: 'a', uid: 'u', namespace: 'n', attempt: 3 },
        labels: { x: 'y', empty: '' },
        portMappings: [{ protocol: 1, containerPort: 80, hostPort: 8080, hostIp: '' }],
        linux: {
          cgroupParent: '/kubepods',
          sysctls: { 'kernel.shm_rmid_forced': '1' },
          securityContext: { supplementalGroups: [1, 300, 70000], runAsUser: { value: 0 } },
        },
      },
      runtimeHandler: 'runc',
    };
    const type = reference('RunPodSandboxRequest');
    const ours = criCodec.encode('RunPodSandboxRequest', value);
    const decoded = type.toObject(type.decode(ours), { longs: Number, defaults: false });
    expect(decoded).toMatchObject({
      config: {
        metadata: { attempt: 3 },
        labels: { x: 'y', empty: '' },
        linux: { securityContext: { supplementalGroups: [1, 300, 70000] } },
      },
    });
    expect(
      criCodec.decode('RunPodSandboxRequest', type.encode(type.fromObject(value)).finish()),
    ).toMatchObject(value);
  });

  it('keeps nanoseconds exact', () => {
    const at = 1763700000123456789n;
    const bytes = criCodec.encode('ContainerStatus', { id: 'c', createdAt: at, exitCode: -1 });
    const back = criCodec.decode<ContainerStatus>('ContainerStatus', bytes);
    expect(back.createdAt).toBe(at);
    expect(back.exitCode).toBe(-1);
    expect(back.labels).toEqual({});
    expect(back.metadata).toBeUndefined();
  });

  it('carries any 64-bit number that a number can hold', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (n) => {
        const back = criCodec.decode<LinuxContainerResources>(
          'LinuxContainerResources',
          criCodec.encode('LinuxContainerResources', { cpuQuota: n }),
        );
        expect(back.cpuQuota).toBe(n);
      }),
    );
  });

  it('skips fields of a newer runtime and refuses a message that was cut', () => {
    const bytes = Buffer.concat([
      containerdCodec.encode('TaskExit', { containerId: 'c', id: 'c', exitStatus: 137 }),
      Buffer.from([0xfa, 0x01, 2, 1, 2]),
    ]);
    expect(containerdCodec.decode<TaskExit>('TaskExit', bytes)).toMatchObject({
      containerId: 'c',
      exitStatus: 137,
    });
    expect(() => containerdCodec.decode('TaskExit', bytes.subarray(0, 2))).toThrow(WireError);
  });

  it('knows every message that a field names', () => {
    for (const facts of Object.values(criMessages)) {
      for (const named of facts.match(/\.\w+/g) ?? [])
        expect(criMessages).toHaveProperty(named.slice(1));
    }
    expect(readFileSync(new URL('generated/methods.ts', import.meta.url), 'utf8')).toContain(
      'RunPodSandbox',
    );
  });
});
