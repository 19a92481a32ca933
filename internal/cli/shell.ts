import { ConfigError } from '../base/errors.ts';
import { runShell, type ShellCall, type ShellStreams } from '../client/remote-shell.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { realSpawn } from '../io/spawn.ts';
import { connectionOf } from '../client/kubeconfig.ts';

export interface ShellOptions {
  kubeconfig: string;
  tty?: boolean;
}

const op = 'shell';

/** How a node is asked for a program, by a kubeconfig. */
export async function shellCall(
  kubeconfig: string,
  asked: { node: string; command: string[] },
): Promise<ShellCall> {
  const { server, ca, cert, key, token, serverName, insecureSkipVerify } = await connectionOf(
    kubeconfig,
    realDisk,
  );
  const tls = { ca, cert, key, servername: serverName, rejectUnauthorized: !insecureSkipVerify };
  return { server, tls, token, ...asked };
}

/** `skiff shell NODE [-- COMMAND...]`: ends with the status of what ran there. */
export async function shell(node: string, words: string[], options: ShellOptions): Promise<void> {
  const command = words[0] === '--' ? words.slice(1) : words;
  const { stdin, stdout, stderr } = process;
  const atTerminal = stdin.isTTY && stdout.isTTY;
  if (options.tty === true && !atTerminal)
    throw new ConfigError('--tty: standard input is not a terminal', { op });
  const call = await shellCall(options.kubeconfig, { node, command });
  const streams: ShellStreams = { input: stdin, output: stdout, errors: stderr };
  if (!atTerminal || (command.length > 0 && options.tty !== true)) {
    process.exitCode = await runShell(call, streams, { clock: realClock }).finally(letGo);
    return;
  }
  const size = (): { columns: number; rows: number } => ({
    columns: stdout.columns,
    rows: stdout.rows,
  });
  const onResize = (changed: () => void): void => void stdout.on('resize', changed);
  call.terminal = { term: process.env['TERM'] ?? '', size, onResize };
  stdin.setRawMode(true);
  await leaveOutput();
  process.exitCode = await runShell(call, streams, { clock: realClock }).finally(() => {
    stdin.setRawMode(false);
    letGo();
  });
}

/**
 * The far terminal has made its line ends already; Node's raw mode goes on making some here, which
 * would move the cursor of programs that draw. What was before comes back with the mode.
 */
async function leaveOutput(): Promise<void> {
  const stty = realSpawn.start(op, ['stty', '-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  await new Promise<void>((done) => {
    stty.once('error', () => done());
    stty.once('close', () => done());
  });
}

/** An input that is still open would keep the command from ending. */
function letGo(): void {
  process.stdin.destroy();
}
