import { parentPort, receiveMessageOnPort, workerData } from '../../io/worker.ts';
import type { RoomState } from '../journal.ts';
import { LogFile, type LogFileOptions, openAddon, Undecided } from './log-file.ts';
import { Mailbox } from './mailbox.ts';
import { Reserve } from './reserve.ts';
import type { Answer, Question, RoomNews, WriterData } from './protocol.ts';

/**
 * The writer thread: the only one that touches the file while the store is open. Questions are
 * answered in order.
 */
async function serve({ options, shared }: WriterData): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('the writer runs in a thread of its own');
  const tell = (room: RoomState): void => port.postMessage({ room } satisfies RoomNews);
  await openAddon();
  let file = openIfWritable(options, tell);
  const mailbox = new Mailbox(shared);
  for (;;) {
    const taken = mailbox.take();
    if (taken !== 'port') {
      const { ok, ...failure } = answer(file, { do: 'commit', ...taken });
      mailbox.finish(ok ? undefined : (failure as { code: string; message: string }));
      continue;
    }
    const received = receiveMessageOnPort(port) as { message: Question };
    if (received.message.do === 'room') file ??= openIfWritable(options, tell);
    port.postMessage(answer(file, received.message));
    if (received.message.do === 'close') return;
  }
}

/**
 * A read-only file system lets nobody own the log: until that changes every question is refused.
 */
function openIfWritable(
  options: LogFileOptions,
  tell: (room: RoomState) => void,
): LogFile | undefined {
  if (options.reserve !== true || new Reserve(options.path).fill() !== 'read-only')
    return LogFile.openNow(options, tell);
  tell('read-only');
  return undefined;
}

function answer(file: LogFile | undefined, question: Question): Answer {
  if (file === undefined)
    return question.do === 'room'
      ? { ok: true, room: 'read-only' }
      : question.do === 'close'
        ? { ok: true }
        : { ok: false, code: 'READ_ONLY', message: 'the file system is read-only' };
  try {
    if (question.do === 'commit') file.commit(question);
    else if (question.do === 'size') return { ok: true, ...file.size() };
    else if (question.do === 'defragment') file.defragment();
    else if (question.do === 'give-back') file.giveBack();
    else if (question.do === 'snapshot') file.snapshot(question.path);
    else if (question.do === 'encrypt') file.encrypt(question.encryption);
    else if (question.do === 'room') return { ok: true, room: file.lookForRoom() };
    else file.close();
    return { ok: true };
  } catch (error) {
    // Ends the thread, and with it the process: what memory holds may be more or less than the
    // disk.
    if (error instanceof Undecided) throw error;
    const { code, message } = error as { code?: string; message: string };
    return { ok: false, code: code ?? 'UNKNOWN', message };
  }
}

void serve(workerData as WriterData).catch((error: unknown) => {
  // Reaches the store as the end of the thread, with this error.
  throw error;
});
