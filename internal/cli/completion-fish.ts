import type { Command, Option } from 'commander';

const quoted = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', ' ')}'`;

function optionLine(option: Option, when: string): string {
  const { long, short, description, argChoices, required, optional } = option;
  const values = argChoices ? ` -a ${quoted(argChoices.join(' '))}` : '';
  return [
    `complete -c skiff -n ${quoted(when)}`,
    ...(long ? [`-l ${long.slice(2)}`] : []),
    ...(short ? [`-s ${short.slice(1)}`] : []),
    // A value may be a file, unless the option says what it takes.
    ...(required || optional ? [argChoices ? `-x${values}` : '-r'] : []),
    `-d ${quoted(description)}`,
  ].join(' ');
}

/** Completion of the commands and options that the help shows, for fish. */
export function fishCompletion(skiff: Command): string[] {
  const help = skiff.createHelp();
  const below = (command: Command): Command[] =>
    help.visibleCommands(command).filter((one) => one.name() !== 'help');
  const offered = (command: Command, when: string): string =>
    `complete -c skiff -f -n ${quoted(when)} -a ${command.name()} ` +
    `-d ${quoted(command.description())}`;
  return below(skiff).flatMap((command) => {
    const seen = `__fish_seen_subcommand_from ${command.name()}`;
    const children = below(command);
    const names = children.map((one) => one.name()).join(' ');
    const here =
      children.length > 0 ? `${seen}; and not __fish_seen_subcommand_from ${names}` : seen;
    return [
      offered(command, '__fish_use_subcommand'),
      ...children.map((child) => offered(child, here)),
      ...help.visibleOptions(command).map((one) => optionLine(one, here)),
      ...children.flatMap((child) =>
        help
          .visibleOptions(child)
          .map((one) =>
            optionLine(one, `${seen}; and __fish_seen_subcommand_from ${child.name()}`),
          ),
      ),
    ];
  });
}
