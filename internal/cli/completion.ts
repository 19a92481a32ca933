import type { Command } from 'commander';
import { ConfigError } from '../base/errors.ts';
import { flagsOf } from './flags.ts';

/** A completion script for `shell`, made from the tree of commands and the flag table. */
export function printCompletion(shell: string, skiff: Command): void {
  if (shell !== 'bash' && shell !== 'zsh') throw new ConfigError(`there is no completion for "${shell}"`, { op: 'completion', hint: 'bash and zsh are known' });
  const commands = skiff.commands.map((command) => command.name()).join(' ');
  const flags = (name: 'server' | 'agent'): string =>
    flagsOf(name)
      .filter((flag) => typeof flag.state === 'string')
      .map((flag) => `--${flag.name}`)
      .join(' ');
  const lines = [
    '_skiff() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}"',
    '  case "${COMP_WORDS[1]}" in',
    `    server) COMPREPLY=($(compgen -W "${flags('server')}" -- "$word")) ;;`,
    `    agent) COMPREPLY=($(compgen -W "${flags('agent')}" -- "$word")) ;;`,
    ...skiff.commands.filter((c) => c.commands.length > 0).map((c) => `    ${c.name()}) COMPREPLY=($(compgen -W "${c.commands.map((s) => s.name()).join(' ')}" -- "$word")) ;;`),
    `    *) COMPREPLY=($(compgen -W "${commands}" -- "$word")) ;;`,
    '  esac',
    '}',
    'complete -F _skiff skiff',
  ];
  process.stdout.write(`${[...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []), ...lines].join('\n')}\n`);
}
