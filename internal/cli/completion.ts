import type { Command } from 'commander';
import { ConfigError } from '../base/errors.ts';
import { fishCompletion } from './completion-fish.ts';
import { flagsOf } from './flags.ts';

/** A completion script for `shell`, made from the tree of commands and the flag table. */
export function printCompletion(shell: string, skiff: Command): void {
  if (shell === 'fish') return void process.stdout.write(`${fishCompletion(skiff).join('\n')}\n`);
  if (shell !== 'bash' && shell !== 'zsh')
    throw new ConfigError(`there is no completion for "${shell}"`, {
      op: 'completion',
      hint: 'bash, zsh and fish are known',
    });
  // What commander does not show in its help it must not be offered either.
  const visible = (command: Command): Command[] =>
    skiff
      .createHelp()
      .visibleCommands(command)
      .filter((one) => one.name() !== 'help');
  const commands = visible(skiff)
    .map((command) => command.name())
    .join(' ');
  const options = (command: Command): string =>
    skiff
      .createHelp()
      .visibleOptions(command)
      .flatMap((option) => option.long ?? [])
      .join(' ');
  const plain = (command: Command): boolean =>
    !['server', 'agent', 'kubectl', 'helm', 'crictl', 'ctr', 'datastore'].includes(command.name());
  const flags = (name: 'server' | 'agent'): string =>
    flagsOf(name)
      .filter((flag) => typeof flag.state === 'string')
      .map((flag) => `--${flag.name}`)
      .join(' ');
  const lines = [
    '_skiff() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}"',
    '  COMPREPLY=()',
    '  case "${COMP_WORDS[1]}" in',
    `    server) COMPREPLY=($(compgen -W "${flags('server')}" -- "$word")) ;;`,
    `    agent) COMPREPLY=($(compgen -W "${flags('agent')}" -- "$word")) ;;`,
    ...visible(skiff)
      .filter(plain)
      .flatMap((c) => {
        const below = visible(c);
        const own = below.length > 0 ? below.map((s) => s.name()).join(' ') : options(c);
        const line = (words: string): string => `COMPREPLY=($(compgen -W "${words}" -- "$word"))`;
        const deeper = below.map((s) => `        ${s.name()}) ${line(options(s))} ;;`);
        return [
          `    ${c.name()})`,
          '      [ "$COMP_CWORD" -gt 2 ] && case "${COMP_WORDS[2]}" in',
          ...deeper,
          '      esac',
          `      [ "$COMP_CWORD" -gt 2 ] || ${line(own)}`,
          '      ;;',
        ];
      }),
    '  esac',
    `  [ "$COMP_CWORD" -gt 1 ] || COMPREPLY=($(compgen -W "${commands}" -- "$word"))`,
    '}',
    'complete -F _skiff skiff',
  ];
  if (shell === 'zsh') lines.unshift('autoload -U +X bashcompinit && bashcompinit');
  process.stdout.write(`${lines.join('\n')}\n`);
}
