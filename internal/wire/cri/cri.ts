import { codecOf } from './codec.ts';
import { containerdMessages } from './containerd.ts';
import { criMessages } from './generated/messages.ts';

/** The one codec of each vocabulary: compiled messages are shared by all clients. */
export const criCodec = codecOf(criMessages);
export const containerdCodec = codecOf(containerdMessages);

export * from './generated/types.ts';
export { criMethods, type CriCalls } from './generated/methods.ts';
export {
  containerdMethods,
  type ContainerdCalls,
  type Envelope,
  type TaskExit,
  type Timestamp,
} from './containerd.ts';
