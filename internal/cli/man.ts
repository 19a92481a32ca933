import type { Command, Option } from 'commander';
import { buildInfo } from '../io/assets.ts';

/** As roff has it: nothing in a text is a request or an escape, and a minus is a minus. */
const plain = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .split('\n')
    .map((line) => line.replace(/^[.']/, '\\&$&'))
    .join('\n');

const bold = (text: string): string => `\\fB${plain(text)}\\fR`;

function optionLines(option: Option): string[] {
  const { flags, description, defaultValue, argChoices } = option;
  const said = [
    description,
    ...(argChoices ? [`(${argChoices.join(', ')})`] : []),
    ...(typeof defaultValue === 'string' ? [`(default: ${defaultValue})`] : []),
  ];
  return ['.TP', bold(flags), plain(said.join(' '))];
}

const files = [
  ['/etc/skiff/config.yaml', 'Flags of server and agent, by their names.'],
  ['/etc/skiff/skiff.yaml', "The administrator's kubeconfig, on a server."],
  ['/var/lib/skiff', 'State.'],
  ['/run/skiff', 'Sockets, and what ends with the machine.'],
] as const;

/** The manual page of the commands that are shown in the help, in the language of man(7). */
export function manualOf(skiff: Command, version: string): string {
  const help = skiff.createHelp();
  const options = (command: Command): string[] =>
    help
      .visibleOptions(command)
      .filter((one) => one.long !== '--help')
      .flatMap(optionLines);
  const sections = (command: Command, words: string[]): string[] =>
    help
      .visibleCommands(command)
      .filter((one) => one.name() !== 'help')
      .flatMap((one) => {
        const own = [...words, one.name()];
        const below = one.commands.length > 0;
        const heading = [
          `.SS ${plain([...own, ...(below ? [] : [one.usage()])].join(' ').trim())}`,
          ...(one.description() === '' ? [] : [plain(one.description())]),
          ...options(one),
        ];
        return [...heading, ...sections(one, own)];
      });
  return [
    `.TH SKIFF 1 "" ${plain(`"skiff v${version}"`)} "User Commands"`,
    // Names of variables are not to be cut, and lines not to be filled with blanks.
    '.nh',
    '.ad l',
    '.SH NAME',
    `skiff \\- ${plain(skiff.description())}`,
    '.SH SYNOPSIS',
    `${bold('skiff')} ${plain(skiff.usage())}`,
    '.SH COMMANDS',
    ...sections(skiff, []),
    '.SH EXIT STATUS',
    '.TP',
    bold('0'),
    'It did what it was asked for.',
    '.TP',
    bold('1'),
    'It did not; one line on standard error says why, and often what to do.',
    '.TP',
    'of the program',
    plain('kubectl, helm, crictl, ctr and shell end as the program does that they start.'),
    '.SH FILES',
    ...files.flatMap(([file, what]) => ['.TP', bold(file), plain(what)]),
    '',
  ].join('\n');
}

export const printManual = (skiff: Command): void =>
  void process.stdout.write(manualOf(skiff, buildInfo().version));
