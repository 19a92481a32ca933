import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { manualOf } from './man.ts';
import { program } from './program.ts';

const shown = (command: Command): Command[] =>
  program()
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help')
    .flatMap((one) => [one, ...shown(one)]);

describe('the manual page', () => {
  it('has every command and every option that the help has', () => {
    const page = manualOf(program(), '1.2.3');
    for (const command of shown(program())) {
      expect(page).toMatch(new RegExp(`^\\.SS .*${command.name().replaceAll('-', '\\\\-')}`, 'm'));
      for (const { long } of command.createHelp().visibleOptions(command))
        if (long && long !== '--help') expect(page).toContain(long.replaceAll('-', '\\-'));
    }
    expect(page).toContain('"skiff v1.2.3"');
  });

  it('says nothing to roff but what it means to', () => {
    const skiff = new Command('skiff').description("'so .x\\fB a-b");
    skiff.command('one').description('.so /etc/passwd\n.sy rm');
    const lines = manualOf(skiff, '1').split('\n');
    const requests = lines.filter((line) => /^[.']/.test(line)).map((line) => line.split(' ')[0]);
    expect([...new Set(requests)].sort()).toEqual(['.SH', '.SS', '.TH', '.TP', '.ad', '.nh']);
    expect(lines).toContain('\\&.so /etc/passwd');
    expect(lines).toContain("skiff \\- \\&'so .x\\efB a\\-b");
  });
});
