import { Command } from 'commander';
import { expect, it } from 'vitest';
import { fishCompletion } from './completion-fish.ts';
import { program } from './program.ts';

it('fish is offered commands, what is below them, and their options with their values', () => {
  const lines = fishCompletion(program());
  expect(lines).toContain(
    "complete -c skiff -f -n '__fish_use_subcommand' -a token -d 'Join tokens'",
  );
  const ofList = lines.filter((line) =>
    line.includes('from token; and __fish_seen_subcommand_from list'),
  );
  expect(ofList.some((line) => line.includes("-l output -s o -x -a 'text json'"))).toBe(true);
  expect(lines.some((line) => / -l cluster-init /.test(line))).toBe(true);
  expect(lines.join('\n')).not.toContain('--rootless');
});

it('and no text of ours is a command of its shell', () => {
  const skiff = new Command('skiff');
  skiff.command('one').description("it's \\' (rm -rf /); `id`\nrm");
  const [line] = fishCompletion(skiff);
  expect(line).toMatch(/ -d 'it\\'s \\\\\\' \(rm -rf \/\); `id` rm'$/);
});
