import { basename } from 'node:path';
import { SkiffError } from '../base/errors.ts';

/** 128 and the number of SIGPIPE, as a shell says it. */
const endedByPipe = 141;
const tools = new Set(['kubectl', 'helm', 'crictl', 'ctr']);

/** Runs the command that `argv` names and sets the exit status. */
export async function main(argv: string[]): Promise<void> {
  endWithReader();
  try {
    // In the executable argv[1] is the name it was called by; a source tree is always called by its
    // script.
    const name = basename(argv[1] ?? 'skiff');
    const words = argv.slice(2);
    if (tools.has(name)) return await runTool(name, words);
    if (tools.has(words[0] ?? '')) return await runTool(words[0] ?? '', words.slice(1));
    if (
      (words[0] === 'server' || words[0] === 'agent') &&
      !words.some((word) => word === '--help' || word === '-h')
    ) {
      return await (await import('./daemon.ts')).runDaemon(words[0], words.slice(1));
    }
    if (
      words.length === 1 &&
      (words[0] === '--version' || words[0] === '-v' || words[0] === 'version')
    )
      return (await import('./version.ts')).printVersion();
    const { program } = await import('./program.ts');
    await untilDone(program().parseAsync(words, { from: 'user' }));
  } catch (error) {
    complain(error);
  }
}

/**
 * The reader of our output may have read enough (`skiff ... | head -1`): then the command ends as
 * a program does that SIGPIPE ends.
 */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(endedByPipe);
    throw error;
  });
  // A log that nobody reads any more is no reason to stop serving.
  process.stderr.on('error', () => undefined);
}

/**
 * A command that waits for something must not end for want of work: timers of Clock do not keep a
 * process alive.
 */
async function untilDone(work: Promise<unknown>): Promise<void> {
  const release = (await import('../io/stay-alive.ts')).stayAlive();
  await work.finally(release);
}

async function runTool(name: string, words: string[]): Promise<void> {
  const { runTool: run } = await import('./tools.ts');
  await run(name, words);
}

/** One line for what the operator did wrong, the whole story for what we did wrong. */
function complain(error: unknown): void {
  process.exitCode = 1;
  if (error instanceof SkiffError) {
    process.stderr.write(
      `skiff: ${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}\n`,
    );
    return;
  }
  const known = error as { code?: unknown; exitCode?: number; message?: string };
  if (typeof known.code === 'string' && known.code.startsWith('commander.')) {
    process.exitCode = known.exitCode ?? 1;
    return; // commander has said it
  }
  process.stderr.write(
    `skiff: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
}
