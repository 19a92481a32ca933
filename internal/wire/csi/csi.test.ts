import { expect, it } from 'vitest';
import { csiCodec, type NodeInfo } from './csi.ts';

it('a limit of 2^63 - 1 is read as it is', () => {
  const info: NodeInfo = {
    nodeId: 'n',
    maxVolumesPerNode: '9223372036854775807',
    accessibleTopology: { segments: { 'example.com/zone': 'a' } },
  };
  const bytes = csiCodec.encode('NodeGetInfoResponse', info);
  expect(csiCodec.decode('NodeGetInfoResponse', bytes)).toEqual(info);
});
